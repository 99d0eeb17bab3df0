//! What: Tests what addresses and names of engines may be.

use super::*;

#[test]
fn addresses_of_brokers_are_hosts_and_ports() {
    for good in ["127.0.0.1:9092", "b-1:1,b-2:65535", "localhost", "[::1]:9092"] {
        assert_eq!(brokers(good).as_deref(), Ok(good));
    }
    for bad in ["", ",", "a:1,", ":9092", "a:", "a:0", "a:65536", "a:x", "http://127.0.0.1:9092", "a:1, :2"] {
        assert!(brokers(bad).is_err_and(|error| error.starts_with("expected HOST:PORT")), "{bad}");
    }
}

#[test]
fn tables_have_names_that_dynamodb_takes() {
    let longest = "x".repeat(255);
    for good in ["one", "a.b-c_D9", &longest, "arn:aws:dynamodb:eu-central-1:1:table/accounts"] {
        assert_eq!(table(good).as_deref(), Ok(good));
    }
    for bad in ["ab", "a b", "a/b", "gr\u{f6}\u{df}e", "x\n\n", &"x".repeat(256)] {
        assert!(table(bad).is_err_and(|error| error.contains("3 to 255 characters")), "{bad}");
    }
    assert!(table("").is_err_and(|error| error.contains("isn't empty")));
}
