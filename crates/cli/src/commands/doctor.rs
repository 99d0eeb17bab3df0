//! What: `giro doctor` compares what a stack has deployed with what the template asks for, and changes nothing.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;

use super::Failure;
use super::engines::{EngineArgs, given};
use crate::doctor::compare::compare;
use crate::doctor::expected::Expected;
use crate::doctor::finding::{Findings, Kind, Why};
use crate::doctor::read::call::{Failed, Service};
use crate::doctor::read::{Services, deployed, stack};
use crate::doctor::shown;
use giro::aws::variable;
use giro_template::Templates;

/// The output of the stack that names the brokers.
const BROKERS: &str = "BootstrapServers";

/// Compare what a stack has deployed with its template
///
/// Reads functions, event source mappings, tables, the roles of functions, topics and consumer groups, and changes
/// nothing. What it can't look at it says, such as a Kafka that can't be reached from here. Exit code 1 if something
/// differs.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  giro --aws doctor --stack giro-prod\n  giro --aws doctor --stack giro-prod --require topics --require groups"
)]
pub(super) struct DoctorArgs {
    /// The name of the stack
    #[arg(long, value_parser = given, value_name = "NAME")]
    stack: String,
    /// The template; else the one that this program was built with
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// All of AWS at one URL, as an emulator has it
    #[arg(long, env = "AWS_ENDPOINT_URL", value_parser = given, value_name = "URL")]
    aws_endpoint: Option<String>,
    /// Exit with 1 too if something of this kind was not looked at
    #[arg(long, value_name = "KIND", value_parser = kinds())]
    require: Vec<Kind>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A kind, by its name.
fn kinds() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(|(_, name)| name)).try_map(|name| Kind::named(&name).ok_or("no such kind"))
}

pub(super) async fn run(args: DoctorArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let services = services(&args, engines).await?;
    let told = stack::read(&services.cloudformation, &args.stack).await;
    let told = told.map_err(|failed| unread(&args.stack, services.cloudformation.region(), failed))?;
    let templates = args.template.map_or(Templates::Embedded, Templates::File);
    let own = templates.parameters().map_err(Failure::input)?;
    let known = told.stack.parameters.iter().filter(|(name, _)| own.contains(name));
    let known = known.map(|(name, value)| (name.clone(), value.clone())).collect();
    let asked = templates.deployment(known, told.place.clone()).map_err(Failure::input)?;
    let ids = told.place.ids.unwrap_or_default();
    let expected = Expected::of(&asked, own, &told.stack.parameters, &ids);
    let brokers = engines.kafka_bootstrap_servers.as_ref().or_else(|| told.outputs.get(BROKERS));
    let there = deployed(&services, told.stack, &expected, brokers.map(String::as_str)).await;
    let mut findings = compare(&expected, &there);
    for (stack, failed) in told.unread {
        let why = match failed {
            Failed::NoRight(action) => Why::NoRight(action),
            Failed::Missing(text) | Failed::NoAnswer(text) => Why::NoAnswer(text),
        };
        findings.skip(Kind::Stack, format!("resources of {stack}"), &why);
    }
    if args.json {
        say!("{}", shown::json(&findings));
    } else {
        for line in shown::lines(&findings) {
            say!("{line}");
        }
    }
    verdict(&findings, &args.require)
}

/// The exit code of what was found.
fn verdict(findings: &Findings, required: &[Kind]) -> Result<(), Failure> {
    match findings.differences.len() {
        0 => {}
        1 => return Err(Failure::no("1 difference from the template")),
        count => return Err(Failure::no(format!("{count} differences from the template"))),
    }
    if let Some(silent) = findings.not_looked.iter().find(|skipped| skipped.is_unanswered) {
        return Err(Failure::unreachable(format!("not all could be looked at: {}", silent.why)));
    }
    match findings.not_looked.iter().find(|skipped| required.contains(&skipped.kind)) {
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
