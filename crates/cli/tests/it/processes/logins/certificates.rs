//! Certificates of an authority of one's own, made by openssl for one test.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What the encrypted key is encrypted with.
pub(super) const KEY_PASSWORD: &str = "hush-key";

/// A folder of PEM: an authority, and who has a certificate of it.
pub(super) struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes an authority, a broker on 127.0.0.1, and a client whose key is there twice: plain, and encrypted.
    pub(super) fn make(folder: &Path) -> Self {
        let made = Self { folder: folder.to_owned() };
        let days = "-days 2 -nodes -newkey rsa:2048";
        made.openssl(&format!("req -x509 {days} -subj /CN=authority -keyout ca.key -out ca.pem"));
        for (name, subject) in [("broker", "/CN=broker"), ("client", "/CN=giro")] {
            made.openssl(&format!(
                "req -x509 {days} -CA ca.pem -CAkey ca.key -subj {subject} -addext subjectAltName=IP:127.0.0.1 -keyout \
                 {name}.key -out {name}.pem"
            ));
        }
        // Lambda reads keys that PBES1 encrypts, and no others.
        made.openssl(&format!(
            "pkcs8 -topk8 -v1 PBE-SHA1-3DES -in client.key -passout pass:{KEY_PASSWORD} -out encrypted.key"
        ));
        // A broker reads its key and its certificate from one file.
        let keystore = made.text("broker.key") + &made.text("broker.pem");
        std::fs::write(made.path("keystore.pem"), keystore).unwrap();
        made
    }

    fn openssl(&self, arguments: &str) {
        let done = Command::new("openssl").args(arguments.split(' ')).current_dir(&self.folder).output().unwrap();
        assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    pub(super) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap()
    }
}
