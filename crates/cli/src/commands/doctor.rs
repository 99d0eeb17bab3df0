//! What: `giro doctor` compares what a stack has deployed with what the template asks for, and changes nothing.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;

use super::Failure;
use super::engines::{EngineArgs, given};
use crate::doctor::compare::compare;
use crate::doctor::expected::Expected;
use crate::doctor::finding::{Findings, Kind, Reason, Why};
use crate::doctor::read::call::{Failed, Service};
use crate::doctor::read::stack::Told;
use crate::doctor::read::{Services, deployed, stack};
use crate::doctor::shown::{self, Asked};
use giro::aws::variable;
use giro::handlers::clock::now;
use giro_template::Templates;

/// The output of the stack that names the brokers.
const BROKERS: &str = "BootstrapServers";
/// The variable that names the login at Kafka.
const LOGIN: &str = "KAFKA_AUTH";
/// What stands for every kind.
const EVERY: &str = "all";

/// Compare what a stack has deployed with its template
///
/// Reads functions, event source mappings, tables, the roles of functions, topics and consumer groups, and changes
/// nothing. What it can't look at it says, such as a Kafka that can't be reached from here. Exit code 1 if something
/// differs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  giro --aws doctor --stack giro-prod\n  giro --aws doctor --stack giro-prod --require all"
)]
pub(super) struct DoctorArgs {
    /// The name of the stack
    #[arg(long, value_parser = given, value_name = "NAME")]
    stack: String,
    /// The template as it is in the repository, not as `sam package` writes it; else the one of this program
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// All of AWS at one URL, as an emulator has it
    #[arg(long, env = "AWS_ENDPOINT_URL", value_parser = given, value_name = "URL")]
    aws_endpoint: Option<String>,
    /// Exit with 1 too if something of this kind was not looked at, or anything
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    require: Vec<Required>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// What must have been looked at.
#[derive(Debug, Clone, Copy)]
enum Required {
    All,
    Kind(Kind),
}

impl Required {
    fn includes(self, kind: Kind) -> bool {
        match self {
            Self::All => true,
            Self::Kind(required) => required == kind,
        }
    }
}

/// A kind, by its name, or all of them.
fn kinds() -> impl TypedValueParser<Value = Required> {
    let names = Kind::ALL.into_iter().map(|(_, name)| name).chain([EVERY]);
    PossibleValuesParser::new(names).try_map(|name| match Kind::named(&name) {
        Some(kind) => Ok(Required::Kind(kind)),
        None if name == EVERY => Ok(Required::All),
        None => Err("no such kind"),
    })
}

pub(super) async fn run(args: DoctorArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let services = services(&args, engines).await?;
    let told = stack::read(&services.cloudformation, &args.stack).await;
    let told = told.map_err(|failed| unread(&args.stack, services.cloudformation.region(), failed))?;
    let asked = Asked {
        stack: args.stack.clone(),
        account: told.place.account.clone(),
        region: told.place.region.clone(),
        brokers: engines.kafka_bootstrap_servers.as_ref().or_else(|| told.outputs.get(BROKERS)).cloned(),
        stack_brokers: told.outputs.get(BROKERS).cloned(),
        giro: env!("CARGO_PKG_VERSION").to_owned(),
        at: now().to_string(),
    };
    let login = login(&told.stack.parameters, variable(LOGIN).is_some());
    let (expected, told) = expected(args.template, told)?;
    let there = deployed(&services, told.stack, &expected, asked.brokers.as_deref()).await;
    let mut findings = compare(&expected, &there);
    findings.told.extend(login);
    for (stack, failed) in told.unread {
        let why = match failed {
            Failed::NoRight(action) => Why::NoRight(action),
            Failed::Missing(text) | Failed::NoAnswer(text) => Why::NoAnswer(text),
        };
        findings.skip(Kind::Stack, format!("resources of {stack}"), &why);
    }
    if args.json {
        say!("{}", shown::json(&asked, &findings));
    } else {
        for line in shown::lines(&asked, &findings) {
            say!("{line}");
        }
    }
    verdict(&findings, &args.require)
}

/// A stack with another login than the environment names answers nothing, or not as it is.
fn login(parameters: &BTreeMap<String, String>, is_set: bool) -> Option<String> {
    let auth = parameters.get("KafkaAuth").filter(|auth| !is_set && !auth.is_empty() && *auth != "none")?;
    Some(format!("the stack's KafkaAuth is {auth}, and {LOGIN} isn't set here: set {LOGIN}={auth}"))
}

/// What the template asks for in the place of a stack.
fn expected(template: Option<PathBuf>, mut told: Told) -> Result<(Expected, Told), Failure> {
    let templates = template.map_or(Templates::Embedded, Templates::File);
    let own = templates.parameters().map_err(Failure::input)?;
    let known = told.stack.parameters.iter().filter(|(name, _)| own.contains(name));
    let known = known.map(|(name, value)| (name.clone(), value.clone())).collect();
    let asked = templates.deployment(known, told.place.clone()).map_err(Failure::input)?;
    let ids = told.place.ids.take().unwrap_or_default();
    let mut expected = Expected::of(&asked, own, &told.stack.parameters, &ids);
    if let Some(brokers) = told.outputs.get(BROKERS) {
        expected.set_brokers(brokers);
    }
    Ok((expected, told))
}

/// The exit code of what was found.
fn verdict(findings: &Findings, required: &[Required]) -> Result<(), Failure> {
    match findings.differences.len() {
        0 => {}
        1 => return Err(Failure::no("1 difference from the template")),
        count => return Err(Failure::no(format!("{count} differences from the template"))),
    }
    if let Some(silent) = findings.not_looked.iter().find(|skipped| skipped.reason == Reason::NoAnswer) {
        return Err(Failure::unreachable(format!("not all could be looked at: {}", silent.why)));
    }
    match findings.not_looked.iter().find(|skipped| required.iter().any(|it| it.includes(skipped.kind))) {
        Some(skipped) => Err(Failure::no(format!("--require: {} was not looked at: {}", skipped.what, skipped.why))),
        None => Ok(()),
    }
}

/// Where each service is: by its own name, else with all of them, else AWS's own.
async fn services(args: &DoctorArgs, engines: &EngineArgs) -> Result<Services, Failure> {
    let all = args.aws_endpoint.as_ref();
    let own = |variable: Option<String>| variable.or_else(|| all.cloned());
    let endpoints = [
        ("cloudformation", own(variable("AWS_ENDPOINT_URL_CLOUDFORMATION"))),
        ("lambda", own(engines.lambda_endpoint.clone())),
        ("dynamodb", own(engines.dynamodb_endpoint.clone())),
        ("iam", own(variable("AWS_ENDPOINT_URL_IAM"))),
    ];
    if !engines.aws && endpoints.iter().any(|(_, endpoint)| endpoint.is_none()) {
        return Err(Failure::input("which AWS? Say --aws for AWS's own, or name an emulator by --aws-endpoint"));
    }
    let [cloudformation, lambda, dynamodb, iam] = endpoints;
    Ok(Services {
        cloudformation: service(cloudformation).await?,
        lambda: service(lambda).await?,
        dynamodb: service(dynamodb).await?,
        iam: service(iam).await?,
    })
}

async fn service((name, endpoint): (&'static str, Option<String>)) -> Result<Service, Failure> {
    Service::new(name, endpoint.as_deref()).await.map_err(Failure::input)
}

/// Without its stack nothing can be looked at.
fn unread(stack: &str, region: &str, failed: Failed) -> Failure {
    match failed {
        Failed::Missing(_) => Failure::input(format!("--stack: there is no stack {stack} in the region {region}")),
        Failed::NoRight(action) => Failure::unreachable(format!(
            "no right to {action} of the stack {stack}: docs/doctor.md has the rights it needs"
        )),
        Failed::NoAnswer(text) => Failure::unreachable(text),
    }
}
