//! What: Runs the whole stack on one machine, as the template asks: engines, tables, topics, functions, event source
//! mappings, and the HTTP API.
//!
//! | part | where |
//! |---|---|
//! | what is wanted | `options` |
//! | Kafka and DynamoDB | `engines` |
//! | the functions | `functions` |
//! | the names of everything | `names` |
//! | what each function has done | `sample` |
//! | all of it, started and stopped | here |
//!
//! Data: Takes engines, a template, and a person's options. Gives endpoints, and counts of what was processed.
//!
//! Each part starts after those that it needs, pollers last, and they stop in the other order. The HTTP API takes no
//! more requests, pollers finish their invocations, workers end, engines stop. If a part fails to start, all started
//! parts are stopped.

mod engines;
mod functions;
mod names;
mod options;
mod sample;

use std::sync::PoisonError;
use std::time::Duration;

use anyhow::{Context, anyhow};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::http::{self, Caller, HttpApi};
use super::lambda::LocalLambda;
use super::poller::{Activity, Checkpoints, Pollers, Surroundings};
use super::{LocalError, OrLocalError};
use engines::RunningKafka;
use functions::Summaries;
pub use functions::{Engines, REASONS, Summary, folder_of_this_program, function};
use giro::config::{PRINCIPAL_CLAIM, SCOPE_PREFIX};
use giro::domain::Principal;
use giro_template::{Blueprint, Mapping};
use giro_testkit::dynamodb::EmbeddedDynamoDb;
use giro_testkit::tables;
pub use names::{
    ACCOUNT_PROCESSOR, LEDGER_AUDITOR, Names, OUTCOME_PUBLISHER, PAYMENT_API, PAYMENT_PROCESSOR, Queues, Topics,
};
pub(crate) use names::{TABLE_EXPECTED, is_table};
pub use options::{DynamoDbEngine, KafkaEngine, LogLines, Run, StackOptions};
pub use sample::Sample;

/// How much longer an invocation may take than its function, for the way.
const ON_THE_WAY: Duration = Duration::from_secs(10);

/// The addresses, and the names there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// Kafka's address, for clients of every language.
    pub kafka_bootstrap_servers: String,
    /// DynamoDB's URL.
    pub dynamodb: String,
    /// The Invoke call's URL.
    pub lambda: String,
    /// The HTTP API's URL, if a function that answers it runs.
    #[serde(default)]
    pub http: Option<String>,
    /// The names of its topics, tables, functions and queues.
    pub names: Names,
}

/// The stack, running.
#[derive(Debug)]
pub struct Stack {
    endpoints: Endpoints,
    blueprint: Blueprint,
    left_out: Vec<String>,
    summaries: Summaries,
    http: Option<HttpApi>,
    caller: Option<Principal>,
    /// Of each mapping, in their order, with the name of its function.
    pollers: Vec<(String, Pollers)>,
    /// The activity of a function whose mappings don't run here.
    idle: Activity,
    lambda: Option<LocalLambda>,
    kafka: RunningKafka,
    _dynamodb: Option<EmbeddedDynamoDb>,
}

impl Stack {
    /// Starts everything. It takes records when this returns.
    ///
    /// # Errors
    /// [`LocalError::Asked`] with what is wrong in the template or the options. [`LocalError::Engine`] with the part
    /// that didn't start, and why.
    pub async fn start(options: StackOptions) -> Result<Self, LocalError> {
        let mut blueprint = options.blueprint().or_asked()?;
        // Also for functions that don't run: their topics and tables exist.
        let names = Names::of(&blueprint);
        let folder = match &options.binaries {
            Some(folder) => folder.clone(),
            None => folder_of_this_program()?,
        };
        let left_out = match &options.lambda_endpoint {
            // It isn't known here what is deployed there.
            Some(_) => Vec::new(),
            None => functions::choose(&mut blueprint, &options.run, &folder)?,
        };
        if options.http_port.is_some() && blueprint.routes.is_empty() {
            return Err(LocalError::Asked(anyhow!("--http-port: none of the functions that run answers HTTP")));
        }
        // Before anything else starts: whoever asks for a port that is taken reads that, and no other complaint.
        let listener = match blueprint.routes.is_empty() {
            true => None,
            false => Some(http::listen(options.http_port.unwrap_or_default()).await?),
        };
        if let Some(endpoint) = &options.lambda_endpoint {
            super::lambda_listens::lambda_listens(endpoint).await?;
        }
        let (dynamodb, dynamodb_url) = engines::start_dynamodb(&options.dynamodb)?;
        let client = super::aws::dynamodb(Some(&dynamodb_url)).await.or_asked()?;
        let created = tables::create_all(&client, &blueprint.tables).await;
        created.with_context(|| format!("DynamoDB at {dynamodb_url}")).or_engine()?;

        let kafka = RunningKafka::start(&options.kafka, &blueprint.topics).await?;
        let bootstrap_servers = kafka.bootstrap_servers().to_owned();

        let summaries = Summaries::default();
        let (lambda, lambda_url) = match &options.lambda_endpoint {
            Some(endpoint) => (None, endpoint.clone()),
            None => {
                let at = Engines {
                    dynamodb: dynamodb_url.clone(),
                    kafka_bootstrap_servers: Some(bootstrap_servers.clone()),
                };
                let wanted = blueprint.functions.iter();
                let wanted = wanted.map(|it| function(it, &folder, &at, options.concurrency)).collect();
                let lambda = LocalLambda::start(wanted, functions::sink(&summaries, options.log)).await?;
                let url = lambda.endpoint().to_owned();
                (Some(lambda), url)
            }
        };
        let http = serve(listener, &blueprint, &lambda_url, options.caller.as_ref()).await?;
        let checkpoints =
            Checkpoints::open(engines::data_folder(&options.dynamodb).or(options.checkpoints.as_deref())).or_asked()?;
        let around = |mapping: &Mapping| Surroundings {
            bootstrap_servers: bootstrap_servers.clone(),
            dynamodb: dynamodb_url.clone(),
            lambda_endpoint: lambda_url.clone(),
            invoke_timeout: timeout(&blueprint, &mapping.function),
            concurrency_max: options.concurrency.or(mapping.pollers_max).unwrap_or(1),
            checkpoints: checkpoints.clone(),
        };
        // Together: each looks for its source first.
        let pollers = try_join_all(blueprint.mappings.iter().map(|mapping| feed(mapping, around(mapping)))).await?;
        let endpoints = Endpoints {
            kafka_bootstrap_servers: kafka.for_every_client().to_owned(),
            dynamodb: dynamodb_url,
            lambda: lambda_url,
            http: http.as_ref().map(|http| http.endpoint().to_owned()),
            names,
        };
        let idle = Activity::none().or_engine()?;
        let (caller, _dynamodb) = (options.caller.map(|caller| caller.principal), dynamodb);
        Ok(Self { endpoints, blueprint, left_out, summaries, http, caller, pollers, idle, lambda, kafka, _dynamodb })
    }

    /// Who calls its HTTP API. `None`: nobody is told apart.
    #[must_use]
    pub const fn caller(&self) -> Option<&Principal> {
        self.caller.as_ref()
    }

    /// The addresses, and the names there.
    #[must_use]
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Kafka's address for librdkafka's clients. The embedded broker is a little faster there.
    #[must_use]
    pub fn kafka(&self) -> &str {
        self.kafka.bootstrap_servers()
    }

    /// What runs.
    #[must_use]
    pub fn blueprint(&self) -> &Blueprint {
        &self.blueprint
    }

    /// The binaries of functions that the template has and that don't run, because they aren't built.
    #[must_use]
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// What the pollers of the payment processor have done so far. It is empty if they don't run here.
    #[must_use]
    pub fn activity(&self) -> Activity {
        self.activity_of(PAYMENT_PROCESSOR)
    }

    /// What the pollers of a binary's function have done so far. Of several mappings it is the first.
    #[must_use]
    pub fn activity_of(&self, binary: &str) -> Activity {
        let function = self.blueprint.function(binary);
        let pollers = function.and_then(|function| self.pollers.iter().find(|(name, _)| *name == function.name));
        pollers.map_or_else(|| self.idle.clone(), |(_, pollers)| pollers.activity())
    }

    /// The sums of the payment processor's summary lines so far. Empty if Lambda isn't local.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let name = self.blueprint.function(PAYMENT_PROCESSOR).map(|function| &function.name);
        let summaries = self.summaries.lock().unwrap_or_else(PoisonError::into_inner);
        name.and_then(|name| summaries.get(name)).cloned().unwrap_or_default()
    }

    /// What each function has done so far, in the order of the template.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample> {
        let sample = |function: &giro_template::Function| {
            let pollers = self.pollers.iter().find(|(name, _)| *name == function.name);
            let summaries = self.summaries.lock().unwrap_or_else(PoisonError::into_inner);
            Sample {
                binary: function.binary.clone(),
                in_flight: self.lambda.as_ref().map_or(0, |lambda| lambda.busy_pids(&function.name).len()),
                activity: pollers.map(|(_, pollers)| pollers.activity()),
                summary: summaries.get(&function.name).cloned().unwrap_or_default(),
            }
        };
        self.blueprint.functions.iter().map(sample).collect()
    }

    /// The HTTP API, for another server of this process to hand requests to.
    #[must_use]
    pub fn http_router(&self) -> Option<axum::Router> {
        self.http.as_ref().map(HttpApi::router)
    }

    /// The ids of the processes of a binary's function that have an invocation now. Empty if Lambda isn't local.
    #[must_use]
    pub fn busy_pids(&self, binary: &str) -> Vec<u32> {
        let function = self.blueprint.function(binary);
        let pids = function.zip(self.lambda.as_ref()).map(|(function, lambda)| lambda.busy_pids(&function.name));
        pids.unwrap_or_default()
    }

    /// Makes Kafka unreachable for a while. When this returns, it answers again, with all that it had.
    ///
    /// # Errors
    /// If Kafka isn't local, or doesn't come back.
    pub async fn interrupt_kafka(&mut self, outage: Duration) -> anyhow::Result<()> {
        self.kafka.interrupt(outage).await
    }

    /// Whether a part has given up. Stopping says why.
    #[must_use]
    pub fn gave_up(&self) -> bool {
        self.pollers.iter().any(|(_, pollers)| pollers.gave_up())
    }

    /// Stops everything, and waits until it has stopped.
    ///
    /// # Errors
    /// Why a part had given up, if one had.
    pub async fn stop(self) -> anyhow::Result<()> {
        if let Some(http) = self.http {
            http.stop().await;
        }
        let mut stopped = Ok(());
        for (_, pollers) in self.pollers {
            stopped = stopped.and(pollers.stop().await);
        }
        if let Some(lambda) = self.lambda {
            lambda.stop().await;
        }
        self.kafka.stop().await;
        stopped
    }
}

/// Starts what feeds a mapping's function; returns its name beside it.
async fn feed(mapping: &Mapping, around: Surroundings) -> Result<(String, Pollers), LocalError> {
    let started = Pollers::start(mapping, &around).await;
    let started = started.with_context(|| format!("the event source of {}", mapping.function)).or_engine()?;
    Ok((mapping.function.clone(), started))
}

/// How long to wait for an invocation of a function.
fn timeout(blueprint: &Blueprint, name: &str) -> Duration {
    let function = blueprint.functions.iter().find(|function| function.name == name);
    function.map_or(Duration::ZERO, |function| function.timeout).saturating_add(ON_THE_WAY)
}

/// The HTTP API on this listener, if there is one. `caller` is who calls it.
async fn serve(
    listener: Option<TcpListener>,
    blueprint: &Blueprint,
    lambda_url: &str,
    caller: Option<&Caller>,
) -> Result<Option<HttpApi>, LocalError> {
    let Some(listener) = listener else { return Ok(None) };
    let timeout = |name: &str| timeout(blueprint, name);
    let variable = |name| blueprint.variable(name).unwrap_or_default();
    let claims = caller.map(|caller| caller.claims(variable(PRINCIPAL_CLAIM), variable(SCOPE_PREFIX)));
    HttpApi::start(listener, &blueprint.routes, lambda_url, timeout, claims).await.map(Some)
}
