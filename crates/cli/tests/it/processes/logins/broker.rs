//! A broker of Apache Kafka that asks who its clients are.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use giro_cli::local::kafka::{NewTopic, create_topics};
use tokio::process::{Child, Command};

use super::certificates::Certificates;

/// How long fetching and starting may take.
const START_TIMEOUT: Duration = Duration::from_secs(300);
pub(super) const USER: &str = "giro";
pub(super) const PASSWORD: &str = "hush-user";

/// One running broker. Killed when dropped.
pub(super) struct Broker {
    _process: Child,
    /// Where it asks nobody: for the test itself.
    pub(super) open: String,
    /// Where users log in through TLS.
    pub(super) sasl: String,
    /// Where clients show a certificate.
    pub(super) mtls: String,
}

impl Broker {
    /// Starts it with a topic, and with one user that both SCRAMs and PLAIN know. Whoever has a token is believed.
    pub(super) async fn start(folder: &Path, certificates: &Certificates, topic: &str) -> Self {
        let held: Vec<_> = (0..4).map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap()).collect();
        let ports: Vec<u16> = held.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        drop(held);
        let [open, sasl, mtls, controller] = ports[..] else { unreachable!() };
        let data = folder.join("data");
        std::fs::create_dir(&data).unwrap();
        let listeners = format!("PLAINTEXT://127.0.0.1:{open},SASL://127.0.0.1:{sasl},MTLS://127.0.0.1:{mtls}");
        let (keystore, truststore) = (certificates.path("keystore.pem"), certificates.path("ca.pem"));
        let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
        let plain = "org.apache.kafka.common.security.plain.PlainLoginModule required";
        // It believes unsecured tokens until they expire. Then it cuts their connections.
        let tokens = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;";
        let more = format!(
            "listeners={listeners},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners={listeners}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_SSL,MTLS:SSL\n\
             sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER\n\
             listener.name.sasl.plain.sasl.jaas.config={plain} user_{USER}=\"{PASSWORD}\";\n\
             listener.name.sasl.scram-sha-256.sasl.jaas.config={scram}\n\
             listener.name.sasl.scram-sha-512.sasl.jaas.config={scram}\n\
             listener.name.sasl.oauthbearer.sasl.jaas.config={tokens}\n\
             connections.max.reauth.ms=3600000\n\
             listener.name.mtls.ssl.client.auth=required\n\
             ssl.keystore.type=PEM\nssl.keystore.location={keystore}\n\
             ssl.truststore.type=PEM\nssl.truststore.location={truststore}\n"
        );
        std::fs::write(data.join("more.properties"), more).unwrap();
        let log = std::fs::File::create(folder.join("broker.log")).unwrap();
        let process = Command::new("bash")
            .arg(Path::new(crate::ROOT).join("scripts/apache-kafka/run.sh"))
            .args(["start".as_ref(), libs().as_os_str(), data.as_os_str()])
            .args(["1".to_owned(), open.to_string(), controller.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let at = |port: u16| format!("127.0.0.1:{port}");
        let broker = Self { _process: process, open: at(open), sasl: at(sasl), mtls: at(mtls) };
        broker.wait(folder, topic).await;
        broker.add_user().await;
        broker
    }

    /// Until it takes the topic.
    async fn wait(&self, folder: &Path, topic: &str) {
        let topic = NewTopic {
            name: topic.into(),
            partitions: 1,
            replication: Some(1),
            config: std::collections::BTreeMap::new(),
        };
        let since = Instant::now();
        while let Err(error) = create_topics(&self.open, std::slice::from_ref(&topic)).await {
            let log = std::fs::read_to_string(folder.join("broker.log")).unwrap();
            assert!(since.elapsed() < START_TIMEOUT, "{error}\n{log}");
        }
    }

    /// One mechanism a call: the broker takes no two of a user at once.
    async fn add_user(&self) {
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let config = format!("{mechanism}=[password={PASSWORD}]");
            let done = Command::new("java")
                .arg("-cp")
                .arg(libs().join("*"))
                .args(["kafka.admin.ConfigCommand", "--bootstrap-server", &self.open, "--alter"])
                .args(["--add-config", &config, "--entity-type", "users", "--entity-name", USER])
                .output()
                .await
                .unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        }
    }
}

fn libs() -> std::path::PathBuf {
    Path::new(crate::ROOT).join(".tools/apache-kafka")
}
