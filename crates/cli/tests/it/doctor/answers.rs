//! Answers of AWS as its documents have them: pages, nested stacks, missing rights, policies as escaped texts. And the
//! exit codes of the command at a service that gives them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use giro_cli::doctor::deployed::{Looked, Role};
use giro_cli::doctor::finding::Why;
use giro_cli::doctor::read::call::{Failed, Service};
use giro_cli::doctor::read::{functions, roles, stack, tables};
use serde_json::json;

use crate::processes::cli::{command, run};

/// A word of a request, and its answer.
type Answer = (&'static str, u16, String);

/// Listens, and gives to each request the first answer whose word is in it.
async fn aws(answers: Vec<Answer>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answers = Arc::new(answers);
    let answer = move |_: Method, uri: Uri, headers: HeaderMap, body: Bytes| async move {
        let target = headers.get("x-amz-target").map(|target| target.to_str().unwrap().to_owned()).unwrap_or_default();
        let request = format!("{uri} {target} {}", String::from_utf8_lossy(&body));
        assert!(headers.contains_key("authorization"), "{request} is not signed");
        let found = answers.iter().find(|(word, ..)| request.contains(word));
        let (_, status, body) = found.cloned().unwrap_or(("", 400, format!("nobody expects {request}")));
        (StatusCode::from_u16(status).unwrap(), body)
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    address
}

async fn service(name: &'static str, answers: Vec<Answer>) -> Service {
    Service::new(name, Some(&aws(answers).await)).await.unwrap()
}

const ID: &str = "arn:aws:cloudformation:eu-central-1:123456789012:stack/giro/1";

fn described(parameters: &[(&str, &str)]) -> String {
    let parameter = |(name, value): &(&str, &str)| {
        format!("<member><ParameterKey>{name}</ParameterKey><ParameterValue>{value}</ParameterValue></member>")
    };
    let parameters: String = parameters.iter().map(parameter).collect();
    format!(
        "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult>\
         <Stacks><member><Outputs><member><OutputKey>BootstrapServers</OutputKey><OutputValue>127.0.0.1:1</OutputValue>\
         </member></Outputs><StackId>{ID}</StackId><Parameters>{parameters}</Parameters>\
         <StackStatus>UPDATE_COMPLETE</StackStatus></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    )
}

fn listed(resources: &[(&str, &str, &str)], next: &str) -> String {
    let resource = |(name, id, kind): &(&str, &str, &str)| {
        format!(
            "<member><ResourceType>{kind}</ResourceType><PhysicalResourceId>{id}</PhysicalResourceId>\
             <LogicalResourceId>{name}</LogicalResourceId><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>"
        )
    };
    let resources: String = resources.iter().map(resource).collect();
    format!(
        "<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>{resources}\
         </StackResourceSummaries>{next}</ListStackResourcesResult></ListStackResourcesResponse>"
    )
}

fn denied(action: &str) -> Answer {
    let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error>\
               </ErrorResponse>";
    (Box::leak(format!("Action={action}&").into_boxed_str()), 403, xml.to_owned())
}

#[tokio::test]
async fn a_stack_is_read_with_all_its_pages_and_nested_stacks() {
    const NESTED: &str = "AWS::CloudFormation::Stack";
    let cloudformation = service(
        "cloudformation",
        vec![
            ("Action=DescribeStacks", 200, described(&[("Kafka", "create"), ("NamePrefix", "a&amp;b")])),
            (
                "StackName=nested-1",
                200,
                listed(&[("Policy", "arn:policy", "AWS::IAM::ManagedPolicy"), ("New", "", "a")], ""),
            ),
            ("StackName=nested-2", 403, denied("").2),
            (
                "NextToken=more",
                200,
                listed(&[("Api", "payment-api", "AWS::Lambda::Function"), ("No", "nested-2", NESTED)], ""),
            ),
            (
                "Action=ListStackResources",
                200,
                listed(&[("Access", "nested-1", NESTED)], "<NextToken>more</NextToken>"),
            ),
        ],
    )
    .await;
    let told = stack::read(&cloudformation, "giro").await.unwrap();
    assert_eq!(told.stack.status, "UPDATE_COMPLETE");
    assert_eq!(told.stack.parameters["NamePrefix"], "a&b");
    assert_eq!(told.outputs["BootstrapServers"], "127.0.0.1:1");
    assert_eq!(told.stack.functions, ["payment-api"]);
    let ids = [("Access", "nested-1"), ("Access.Policy", "arn:policy"), ("Api", "payment-api"), ("No", "nested-2")];
    let ids: BTreeMap<String, String> = ids.map(|(path, id)| (path.to_owned(), id.to_owned())).into();
    assert_eq!(told.place.ids, Some(ids));
    assert_eq!(told.unread, [("No".to_owned(), Failed::NoRight("cloudformation:ListStackResources".to_owned()))]);
}

#[tokio::test]
async fn functions_and_mappings_are_read_with_all_their_pages() {
    let environment = json!({ "Variables": { "A": "1" } });
    let function = json!({
        "Timeout": 60, "MemorySize": 512, "Role": "arn:aws:iam::1:role/path/the-role", "Environment": environment,
        "Version": "7", "CodeSha256": "old", "State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "no subnet",
    });
    let page = |uuid: &str, next: &str| {
        let arn = "arn:aws:lambda:eu-central-1:1:function:payment-api:live";
        json!({ "EventSourceMappings": [{ "UUID": uuid, "FunctionArn": arn }], "NextMarker": next }).to_string()
    };
    let lambda = service(
        "lambda",
        vec![
            ("/functions/payment-api/configuration?Qualifier=live", 200, function.to_string()),
            ("/functions/payment-api/configuration", 200, json!({ "CodeSha256": "new" }).to_string()),
            (
                "/functions/payment-api/aliases/live",
                200,
                json!({ "RoutingConfig": { "AdditionalVersionWeights": { "8": 0.1 } } }).to_string(),
            ),
            ("/functions/payment-api/concurrency", 200, json!({ "ReservedConcurrentExecutions": 7 }).to_string()),
            ("/functions/other", 403, json!({ "__type": "AccessDeniedException", "Message": "no" }).to_string()),
            ("/functions/gone", 404, json!({ "__type": "ResourceNotFoundException", "Message": "no" }).to_string()),
            ("Marker=m%2F1", 200, page("two", "")),
            ("/event-source-mappings", 200, page("one", "m/1")),
        ],
    )
    .await;
    let Looked::Is(found) = functions::function(&lambda, "payment-api:live").await else { panic!("no function") };
    assert_eq!((found.timeout, found.memory, found.role.as_str()), (60, 512, "the-role"));
    assert_eq!(found.concurrency, Looked::Is(Some(7)));
    let live = found.live.unwrap();
    assert_eq!((live.version.as_str(), live.code.as_str(), live.latest), ("7", "old", Looked::Is("new".into())));
    assert_eq!(live.others, Looked::Is([("8".to_owned(), "0.1".to_owned())].into()));
    assert_eq!(found.trouble.as_deref(), Some("Failed no subnet"));
    let denied = functions::function(&lambda, "other").await;
    assert_eq!(denied, Looked::Not(Why::NoRight("lambda:GetFunctionConfiguration".into())));
    assert_eq!(functions::function(&lambda, "gone").await, Looked::Missing);
    let Looked::Is(mappings) = functions::mappings(&lambda).await else { panic!("no mappings") };
    let found: Vec<(&str, &str)> =
        mappings.iter().map(|mapping| (mapping.uuid.as_str(), mapping.function.as_str())).collect();
    assert_eq!(found, [("one", "payment-api:live"), ("two", "payment-api:live")]);
}

/// One lost connection is no service that is away.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_loses_its_connection_is_made_again() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        drop(listener.accept().unwrap());
        let (mut connection, _) = listener.accept().unwrap();
        let _ = connection.read(&mut [0; 4096]).unwrap();
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").unwrap();
    });
    let lambda = Service::new("lambda", Some(&address)).await.unwrap();
    assert_eq!(lambda.get("GetAlias", "/").await, Ok(json!({})));
}

#[tokio::test]
async fn a_table_is_read_with_its_recovery() {
    let status = json!({ "PointInTimeRecoveryStatus": "ENABLED" });
    let backups = json!({ "ContinuousBackupsDescription": { "PointInTimeRecoveryDescription": status } });
    let table = json!({ "Table": { "LatestStreamArn": "arn:stream", "DeletionProtectionEnabled": true } });
    let answers = vec![
        ("DynamoDB_20120810.DescribeTable {\"TableName\":\"accounts\"}", 200, table.to_string()),
        ("DescribeTable", 400, json!({ "__type": "a#ResourceNotFoundException" }).to_string()),
        (
            "DescribeTimeToLive",
            200,
            json!({ "TimeToLiveDescription": { "TimeToLiveStatus": "ENABLED", "AttributeName": "at" } }).to_string(),
        ),
        ("DescribeContinuousBackups", 200, backups.to_string()),
    ];
    let dynamodb = service("dynamodb", answers).await;
    let Looked::Is(found) = tables::table(&dynamodb, "accounts").await else { panic!("no table") };
    assert_eq!((found.stream.as_deref(), found.recovery), (Some("arn:stream"), Looked::Is(true)));
    assert_eq!(found.deletes, Looked::Is(Some("at".to_owned())));
    assert_eq!(found.shape.property("deletion protection"), "true");
    assert_eq!(tables::table(&dynamodb, "payments").await, Looked::Missing);
}

fn trust() -> serde_json::Value {
    json!({ "Statement": [
        { "Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": { "Service": ["lambda.amazonaws.com"] } },
        { "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*", "Condition": { "a": "b" } },
    ] })
}

#[tokio::test]
async fn a_role_is_read_with_all_its_policies() {
    let xml = |action: &str, inner: &str| {
        format!("<{action}Response><{action}Result>{inner}</{action}Result></{action}Response>")
    };
    let policy = |action: &str| {
        let text = json!({ "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] }).to_string();
        percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let attached = "<AttachedPolicies><member><PolicyArn>arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole\
                    </PolicyArn></member><member><PolicyArn>arn:aws:iam::1:policy/mine</PolicyArn></member><member>\
                    <PolicyArn>arn:aws:iam::1:policy/hidden</PolicyArn></member></AttachedPolicies>";
    let trust = trust();
    let trust =
        percent_encoding::utf8_percent_encode(&trust.to_string(), percent_encoding::NON_ALPHANUMERIC).to_string();
    let role = format!(
        "<Role><AssumeRolePolicyDocument>{trust}</AssumeRolePolicyDocument><PermissionsBoundary><PermissionsBoundaryArn>\
         arn:b</PermissionsBoundaryArn></PermissionsBoundary></Role>"
    );
    let version = |action| format!("<PolicyVersion><Document>{}</Document></PolicyVersion>", policy(action));
    let iam = service(
        "iam",
        vec![
            ("Marker=more", 200, xml("ListRolePolicies", "<PolicyNames><member>two</member></PolicyNames>")),
            (
                "Action=ListRolePolicies",
                200,
                xml("ListRolePolicies", "<PolicyNames><member>one</member></PolicyNames><Marker>more</Marker>"),
            ),
            (
                "PolicyName=one",
                200,
                xml("GetRolePolicy", &format!("<PolicyDocument>{}</PolicyDocument>", policy("a:One"))),
            ),
            (
                "PolicyName=two",
                200,
                xml("GetRolePolicy", &format!("<PolicyDocument>{}</PolicyDocument>", policy("a:Two"))),
            ),
            ("Action=GetRole&", 200, xml("GetRole", &role)),
            ("Action=ListAttachedRolePolicies", 200, xml("ListAttachedRolePolicies", attached)),
            ("policy%2Fhidden", 403, denied("").2),
            ("Action=GetPolicyVersion", 200, xml("GetPolicyVersion", &version("a:Mine"))),
            ("Action=GetPolicy", 200, xml("GetPolicy", "<Policy><DefaultVersionId>v3</DefaultVersionId></Policy>")),
        ],
    )
    .await;
    let Looked::Is(Role { grants, trusts, boundary, managed, unread }) = roles::role(&iam, "the-role").await else {
        panic!("no role")
    };
    let expected =
        ["Allow sts:AssumeRole to * if {\"a\":\"b\"}", "Allow sts:AssumeRole to Service lambda.amazonaws.com"];
    assert_eq!(trusts, Looked::Is(expected.map(str::to_owned).into()));
    assert_eq!(boundary.as_deref(), Some("arn:b"));
    let actions: Vec<&str> = grants.iter().map(|grant| grant.action.as_str()).collect();
    assert_eq!(actions, ["a:One", "a:Two", "a:Mine"]);
    assert_eq!(managed, ["AWSLambdaBasicExecutionRole"]);
    assert_eq!(unread, [("arn:aws:iam::1:policy/hidden".to_owned(), Why::NoRight("iam:GetPolicy".to_owned()))]);
}

/// What the command says, and its exit code.
async fn doctor(arguments: &[&str]) -> (i32, String, String) {
    let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    let ran = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = command(&[&["doctor"][..], &arguments].concat(), folder.path());
        command.env_remove("AWS_ENDPOINT_URL").env("AWS_ACCESS_KEY_ID", "a").env("AWS_SECRET_ACCESS_KEY", "b");
        run(&mut command, b"")
    });
    let output = ran.await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_say_what_became_of_it() {
    let (code, _, complaint) = doctor(&["--stack", "giro"]).await;
    assert_eq!(code, 2, "{complaint}");
    assert!(complaint.contains("which AWS? Say --aws"), "{complaint}");
    let (code, _, complaint) = doctor(&["--stack", "giro", "--aws-endpoint", "http://127.0.0.1:1"]).await;
    assert_eq!(code, 3, "{complaint}");
    assert!(complaint.contains("cloudformation at http://127.0.0.1:1 doesn't answer"), "{complaint}");

    let gone = "<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id giro does not exist</Message>\
                </Error></ErrorResponse>";
    let nothing = aws(vec![("DescribeStacks", 400, gone.to_owned())]).await;
    let (code, _, complaint) = doctor(&["--stack", "giro", "--aws-endpoint", &nothing]).await;
    assert_eq!((code, complaint.contains("there is no stack giro in the region")), (2, true), "{complaint}");
    let shut = aws(vec![denied("DescribeStacks")]).await;
    let (code, _, complaint) = doctor(&["--stack", "giro", "--aws-endpoint", &shut]).await;
    assert_eq!((code, complaint.contains("no right to cloudformation:DescribeStacks")), (3, true), "{complaint}");
}

/// Whoever may see only the stack is told what was not looked at, and by which right it could be.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_a_line_that_names_it() {
    let template = giro_template::read_yaml(&giro_template::Templates::embedded_texts()["template.yaml"]).unwrap();
    let given = |name: &str| match name {
        "Kafka" => "self-managed".to_owned(),
        "KafkaBootstrapServers" => "127.0.0.1:1".to_owned(),
        _ => {
            let default = &template["Parameters"][name]["Default"];
            default.as_str().map_or_else(|| default.to_string(), str::to_owned)
        }
    };
    let own = giro_template::Templates::Embedded.parameters().unwrap();
    let values: Vec<String> = own.iter().map(|name| given(name)).collect();
    let parameters: Vec<(&str, &str)> = own.iter().map(String::as_str).zip(values.iter().map(String::as_str)).collect();
    let json = json!({ "__type": "AccessDeniedException", "message": "no" }).to_string();
    let at = aws(vec![
        ("Action=DescribeStacks", 200, described(&parameters)),
        denied("ListStackResources"),
        ("/2015-03-31/", 403, json.clone()),
        ("DynamoDB_", 400, json),
    ])
    .await;
    let arguments = ["--stack", "giro", "--aws-endpoint", &at];
    let (code, told, complaint) = doctor(&arguments).await;
    assert_eq!(code, 0, "{told}{complaint}");
    assert!(told.starts_with("stack giro of account 123456789012 in eu-central-1, Kafka at 127.0.0.1:1\n"), "{told}");
    for line in [
        "not looked at: resources of giro: no right to cloudformation:ListStackResources",
        "not looked at: table accounts: no right to dynamodb:DescribeTable",
        "not looked at: function payment-api: no right to lambda:GetFunctionConfiguration",
        "not looked at: mapping PaymentRequests of payment-processor: no right to lambda:ListEventSourceMappings",
        "not looked at: role of payment-api: its function was not looked at",
        "not looked at: topic payment-requests: Kafka at 127.0.0.1:1 doesn't answer",
    ] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
    let (code, _, complaint) = doctor(&[&arguments[..], &["--require", "tables"]].concat()).await;
    assert_eq!((code, complaint.contains("--require: table ")), (1, true), "{complaint}");
    let (code, _, complaint) = doctor(&[&arguments[..], &["--require", "all"]].concat()).await;
    assert_eq!((code, complaint.contains("--require: ")), (1, true), "{complaint}");
    let (code, told, _) = doctor(&[&arguments[..], &["--json"]].concat()).await;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, told["counts"]["tables"]["not_looked_at"].as_u64()), (0, Some(7)), "{told}");
    // A service that is away is no missing right.
    let (code, _, complaint) = doctor(&[&arguments[..], &["--dynamodb-endpoint", "http://127.0.0.1:1"]].concat()).await;
    assert_eq!((code, complaint.contains("dynamodb at http://127.0.0.1:1 doesn't answer")), (3, true), "{complaint}");
}
