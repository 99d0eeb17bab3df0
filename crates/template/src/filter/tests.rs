//! What: Patterns and records as tables of text.

use super::Filters;

/// Which of these values pass a pattern of `value`: one a line.
fn passing(pattern: &str, values: &[&str]) -> Vec<String> {
    let filters = Filters::parse(&[format!(r#"{{"value":{pattern}}}"#)]).unwrap();
    let pass = |value: &&&str| filters.pass(Some(value.as_bytes()));
    values.iter().filter(pass).map(|value| (*value).to_owned()).collect()
}

/// Marks each value: `+` passes, `-` doesn't.
fn check(pattern: &str, marked: &[&str]) {
    let values: Vec<&str> = marked.iter().map(|line| &line[2..]).collect();
    let passing = passing(pattern, &values);
    let told: Vec<String> = values
        .iter()
        .map(|it| format!("{} {it}", if passing.contains(&(*it).to_owned()) { '+' } else { '-' }))
        .collect();
    assert_eq!(told, marked, "{pattern}");
}

#[test]
fn each_rule_fits_what_lambda_says() {
    check(
        r#"{"a":["x",7,null,true]}"#,
        &[
            r#"+ {"a":"x"}"#,
            r#"+ {"a":7}"#,
            r#"+ {"a":null}"#,
            r#"+ {"a":true}"#,
            r#"- {"a":"X"}"#,
            r#"- {"a":"7"}"#,
            r#"- {"a":7.0}"#,
            r#"- {"a":false}"#,
            r#"- {"a":"null"}"#,
            r#"- {"b":"x"}"#,
            r#"- {}"#,
        ],
    );
    check(r#"{"a":[""]}"#, &[r#"+ {"a":""}"#, r#"- {"a":null}"#, r#"- {}"#]);
    check(r#"{"a":[{"equals-ignore-case":"straSSe"}]}"#, &[r#"+ {"a":"STRASSE"}"#, r#"- {"a":"strass"}"#]);
    check(r#"{"a":[{"prefix":"eu-"}]}"#, &[r#"+ {"a":"eu-west"}"#, r#"- {"a":"west-eu-"}"#, r#"- {"a":7}"#]);
    check(r#"{"a":[{"suffix":".png"}]}"#, &[r#"+ {"a":"x.png"}"#, r#"- {"a":"x.pn"}"#]);
    check(
        r#"{"a":[{"numeric":[">",10,"<=",20.5]}]}"#,
        &[r#"- {"a":10}"#, r#"+ {"a":1.1e1}"#, r#"+ {"a":20.50}"#, r#"- {"a":20.51}"#, r#"- {"a":"15"}"#, r#"- {}"#],
    );
    check(r#"{"a":[{"numeric":["=",3]}]}"#, &[r#"+ {"a":3}"#, r#"+ {"a":3.0}"#, r#"- {"a":-3}"#]);
    check(
        r#"{"a":[{"anything-but":["x",7]}]}"#,
        &[r#"- {"a":"x"}"#, r#"- {"a":7}"#, r#"+ {"a":"y"}"#, r#"+ {"a":null}"#, r#"- {"b":1}"#],
    );
    check(r#"{"a":[{"anything-but":"x"}]}"#, &[r#"- {"a":"x"}"#, r#"+ {"a":8}"#]);
    check(r#"{"a":[{"exists":true}]}"#, &[r#"+ {"a":null}"#, r#"- {"b":1}"#, r#"- {"a":{"b":1}}"#, r#"- {"a":[]}"#]);
    check(r#"{"a":[{"exists":false}]}"#, &[r#"- {"a":null}"#, r#"+ {"b":1}"#, r#"+ {"a":[]}"#]);
}

#[test]
fn fields_lists_and_alternatives_combine() {
    check(
        r#"{"a":{"b":["x"]},"c":[1]}"#,
        &[
            r#"+ {"c":1,"a":{"b":"x","d":0}}"#,
            r#"- {"c":2,"a":{"b":"x"}}"#,
            r#"- {"c":1,"a":"x"}"#,
            r#"- {"c":1,"a":[]}"#,
            r#"+ {"c":[0,1],"a":[{"b":"y"},{"b":"x"}]}"#,
        ],
    );
    check(
        r#"{"$or":[{"a":["x"]},{"b":[{"numeric":["<",0]}]}],"c":["z"]}"#,
        &[r#"+ {"a":"x","c":"z"}"#, r#"+ {"b":-1,"c":"z"}"#, r#"- {"a":"x"}"#, r#"- {"b":1,"c":"z"}"#],
    );
    // A name may be written with escapes. Of two equal names the last counts.
    check(r#"{"é":[1]}"#, &[r#"+ {"\u00e9":1}"#, r#"+ {"é":0,"é":1}"#, r#"- {"é":1,"é":0}"#]);
    let two = [r#"{"value":{"a":["x"]}}"#, r#"{"value":{"b":["y"]}}"#].map(String::from);
    let filters = Filters::parse(&two).unwrap();
    assert!(filters.pass(Some(br#"{"b":"y"}"#)), "one of two patterns is enough");
    assert!(!filters.pass(Some(br#"{"b":"x"}"#)));
    assert!(Filters::default().pass(None) && Filters::default().pass(Some(b"\xff")), "no pattern drops nothing");
}

#[test]
fn plain_texts_and_json_are_told_apart() {
    check(r#"[{"anything-but":["error"]}]"#, &["+ fine", "- error", r#"- {"a":1}"#, "- [1]", "+ {broken", "+ "]);
    check(r#"["12"]"#, &["+ 12", r#"- "12""#]);
    check(r#"{"a":[{"exists":false}]}"#, &["- plain", r#"+ {"b":1}"#, r#"+  {"b":1} "#]);
    let filters = |pattern: &str| Filters::parse(&[pattern.to_owned()]).unwrap();
    let any = filters(r#"{"value":[{"anything-but":["x"]}]}"#);
    assert!(!any.pass(Some(b"\xff")), "what is no UTF-8 fits nothing");
    assert!(!any.pass(None), "nor does a tombstone");
    assert!(filters(r#"{"value":[{"exists":false}]}"#).pass(None), "which can be asked for");
}

#[test]
fn what_is_no_pattern_of_lambdas_is_refused() {
    let refused = |pattern: &str| Filters::parse(&[pattern.to_owned()]).unwrap_err();
    assert_eq!(refused("x"), "expected a JSON object");
    assert_eq!(refused("{}"), "expected value: Lambda filters records of Kafka by it");
    assert_eq!(refused(r#"{"key":["x"]}"#), "key: expected value: Lambda filters records of Kafka by nothing else");
    assert_eq!(refused(r#"{"value":"x"}"#), "value: expected a list of rules, or an object of fields");
    assert_eq!(refused(r#"{"value":[]}"#), "value: expected a rule");
    assert_eq!(refused(r#"{"value":{}}"#), "value: expected a field");
    assert_eq!(
        refused(r#"{"value":{"a":[{"wildcard":"*"}]}}"#),
        "value.a.wildcard: expected an operator that Lambda's filters have: see the developer guide"
    );
    assert_eq!(refused(r#"{"value":{"a":[{"prefix":7}]}}"#), "value.a.prefix: expected a text");
    assert_eq!(refused(r#"{"value":{"a":[{"exists":1}]}}"#), "value.a.exists: expected true or false");
    let comparisons = "value.a.numeric: expected one or two comparisons, each of =, <, <=, > or >= and a number";
    for wrong in ["[]", r#"[">"]"#, r#"["!",1]"#, r#"[">","1"]"#, r#"[">",1,"<",2,"=",3]"#, "1"] {
        assert_eq!(refused(&format!(r#"{{"value":{{"a":[{{"numeric":{wrong}}}]}}}}"#)), comparisons);
    }
    assert_eq!(
        refused(r#"{"value":{"a":[{"prefix":"x","suffix":"y"}]}}"#),
        "value.a: expected a value, or an object with one operator"
    );
    assert_eq!(
        refused(r#"{"value":{"a":[{"anything-but":{"prefix":"x"}}]}}"#),
        "value.a.anything-but: expected texts or numbers"
    );
    assert!(Filters::parse(&vec![r#"{"value":["x"]}"#.to_owned(); 11]).is_err());
}
