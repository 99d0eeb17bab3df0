//! Strikes the parts of a round at the times of its schedule.

use std::time::{Duration, Instant};

use anyhow::bail;
use giro_cli::local::apache_kafka::ApacheKafka;
use giro_cli::local::stack::{OUTCOME_PUBLISHER, PAYMENT_PROCESSOR};

use super::process::{Up, kill};
use super::schedule::{Lane, Strike};
use super::{Round, start_engine};

impl Round {
    /// Kills a process of a function. Waits for one for a while, because the last may have just been killed.
    async fn strike_function(&self, binary: &str, what: &'static str) -> anyhow::Result<()> {
        for _ in 0..100 {
            let workers = self.poller.lock().await.workers(binary)?;
            let picked = self.random.lock().unwrap().choice(workers);
            if picked.is_some_and(kill) {
                self.count(what, 1);
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.count("strikes that met nobody", 1);
        Ok(())
    }

    async fn strike_poller(&self) -> anyhow::Result<()> {
        let left = self.poller.lock().await.kill().await?;
        self.left_behind.lock().unwrap().extend(left);
        self.count("pollers killed", 1);
        Ok(())
    }

    /// Strikes functions and poller at their times.
    pub(super) async fn strike_processes(&self, lane: &Lane, storm: Instant) -> anyhow::Result<()> {
        for (at, strike) in lane {
            tokio::time::sleep_until((storm + *at).into()).await;
            match strike {
                Strike::Processor => self.strike_function(PAYMENT_PROCESSOR, "processors killed").await?,
                Strike::Publisher => self.strike_function(OUTCOME_PUBLISHER, "publishers killed").await?,
                Strike::Poller => self.strike_poller().await?,
                Strike::Topic | Strike::Broker(..) | Strike::Cut(_) | Strike::Engine(_) => {
                    bail!("{strike:?} is in the wrong lane")
                }
            }
        }
        Ok(())
    }
}

/// Kills brokers at their times, and starts each again.
pub(super) async fn strike_brokers(
    round: &Round,
    kafka: &mut ApacheKafka,
    lane: &Lane,
    storm: Instant,
) -> anyhow::Result<()> {
    for (at, strike) in lane {
        let Strike::Broker(broker, away) = strike else { bail!("{strike:?} is in the wrong lane") };
        tokio::time::sleep_until((storm + *at).into()).await;
        kafka.kill(*broker).await?;
        round.count("brokers killed", 1);
        tokio::time::sleep(*away).await;
        kafka.restart(*broker).await?;
    }
    Ok(())
}

/// Cuts DynamoDB off at its times, or kills it and starts it again.
pub(super) async fn strike_dynamodb(round: &Round, engine: &mut Up, lane: &Lane, storm: Instant) -> anyhow::Result<()> {
    for (at, strike) in lane {
        tokio::time::sleep_until((storm + *at).into()).await;
        match strike {
            Strike::Cut(duration) => {
                round.proxy.cut(*duration).await;
                round.count("cuts of DynamoDB", 1);
            }
            Strike::Engine(away) => {
                engine.kill().await?;
                round.proxy.point_to(None);
                tokio::time::sleep(*away).await;
                *engine = start_engine(&round.folder.join("engine")).await?;
                round.proxy.point_to(Some(&engine.endpoints().dynamodb));
                round.count("DynamoDB killed", 1);
            }
            Strike::Processor | Strike::Publisher | Strike::Poller | Strike::Topic | Strike::Broker(..) => {
                bail!("{strike:?} is in the wrong lane")
            }
        }
    }
    Ok(())
}
