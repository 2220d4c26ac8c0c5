//! A cluster that asks who comes, and what they may: certificates, log-ins, and the listeners that want them.
//!
//! Besides the open listener, on which everybody is a super user (the tests' own client), there are one with TLS and SASL
//! (PLAIN, SCRAM, OAUTHBEARER with unsigned tokens; log-ins have to be renewed every eight seconds) and one that asks for a
//! certificate. Whoever comes through those is
//! `User:name` and may do what the access control list says: nothing at first.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::LabError;
use crate::java::tail;

/// The users that the brokers know by password, with it.
pub const USERS: &[(&str, &str)] = &[("app", "app-secret"), ("other", "other-secret")];

/// How to reach the listeners of a secured cluster, and with what.
#[derive(Debug, Clone)]
pub struct Secured {
    folder: PathBuf,
    sasl: String,
    tls: String,
}

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

impl Secured {
    /// Makes authorities and certificates in a new folder.
    pub(crate) fn create(root: &Path, sasl: String, tls: String) -> Result<Self, LabError> {
        let secured = Self { folder: root.join("certificates"), sasl, tls };
        let folder = &secured.folder;
        fs::create_dir_all(folder).map_err(LabError::io(format!("creating {}", folder.display())))?;
        for authority in ["ca", "stranger-ca"] {
            let subject = format!("/CN=lab {authority}");
            let (key, certificate) = (format!("{authority}.key"), format!("{authority}.pem"));
            let make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", &subject];
            secured.openssl(&[&make[..], &["-keyout", &key, "-out", &certificate]].concat())?;
        }
        secured.issue("server", "127.0.0.1", "ca", 30)?;
        for (user, _) in USERS {
            secured.issue(user, user, "ca", 30)?;
        }
        secured.issue("expired", "app", "ca", -1)?;
        secured.issue("stranger", "app", "stranger-ca", 30)?;
        // Java reads key and certificate from one file.
        let read = |name: &str| {
            let path = folder.join(name);
            fs::read_to_string(&path).map_err(LabError::io(format!("reading {}", path.display())))
        };
        let store = read("server.key")? + &read("server.pem")?;
        let path = folder.join("server-store.pem");
        fs::write(&path, store).map_err(LabError::io(format!("writing {}", path.display())))?;
        Ok(secured)
    }

    /// `bootstrap.servers` of the listener with TLS and SASL.
    pub fn sasl_bootstrap(&self) -> &str {
        &self.sasl
    }

    /// `bootstrap.servers` of the listener that asks for a certificate.
    pub fn tls_bootstrap(&self) -> &str {
        &self.tls
    }

    /// The authority that the brokers' certificates are from.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Another authority, which has nothing to do with the brokers.
    pub fn strange_authority(&self) -> PathBuf {
        self.folder.join("stranger-ca.pem")
    }

    /// The certificate of a user; of `app` there are also `expired` ones and ones from a `stranger`.
    pub fn certificate(&self, name: &str) -> Certificate {
        let file = |ending| self.folder.join(format!("{name}.{ending}"));
        Certificate { certificate: file("pem"), key: file("key") }
    }

    /// The brokers' part of it.
    pub(crate) fn properties(&self) -> String {
        let (store, authority) = (self.folder.join("server-store.pem"), self.authority());
        let mut passwords = String::new();
        for (user, password) in USERS {
            // To a text nothing is refused.
            let _written = write!(passwords, " user_{user}=\"{password}\"");
        }
        let security = "org.apache.kafka.common.security";
        format!(
            "ssl.keystore.type=PEM\n\
             ssl.keystore.location={store}\n\
             ssl.truststore.type=PEM\n\
             ssl.truststore.location={authority}\n\
             listener.name.ssl.ssl.client.auth=required\n\
             ssl.principal.mapping.rules=RULE:^CN=(.*)$/$1/\n\
             sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER\n\
             listener.name.sasl_ssl.plain.sasl.jaas.config={security}.plain.PlainLoginModule required{passwords};\n\
             listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={security}.scram.ScramLoginModule required;\n\
             listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={security}.scram.ScramLoginModule required;\n\
             listener.name.sasl_ssl.oauthbearer.sasl.jaas.config={security}.oauthbearer.OAuthBearerLoginModule \
             required unsecuredLoginStringClaim_sub=\"broker\";\n\
             listener.name.sasl_ssl.connections.max.reauth.ms=8000\n\
             authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n\
             super.users=User:ANONYMOUS\n\
             allow.everyone.if.no.acl.found=false\n",
            store = store.display(),
            authority = authority.display(),
        )
    }

    /// The users to create when a data folder is formatted.
    pub(crate) fn format_arguments() -> Vec<String> {
        let user = |mechanism: &str, (name, password): &(&str, &str)| {
            ["--add-scram".to_owned(), format!("{mechanism}=[name={name},password={password}]")]
        };
        let of = |mechanism| USERS.iter().flat_map(move |known| user(mechanism, known));
        of("SCRAM-SHA-256").chain(of("SCRAM-SHA-512")).collect()
    }

    fn issue(&self, name: &str, common_name: &str, authority: &str, days: i32) -> Result<(), LabError> {
        let (subject, days) = (format!("/CN={common_name}"), days.to_string());
        let file = |ending: &str| format!("{name}.{ending}");
        let (key, request, certificate) = (file("key"), file("csr"), file("pem"));
        let make = ["req", "-newkey", "rsa:2048", "-nodes", "-subj", &subject, "-keyout", &key];
        self.openssl(&[&make[..], &["-out", &request]].concat())?;
        let names = self.folder.join("names.conf");
        fs::write(&names, "subjectAltName=IP:127.0.0.1,DNS:localhost\n")
            .map_err(LabError::io(format!("writing {}", names.display())))?;
        let (ca, ca_key) = (format!("{authority}.pem"), format!("{authority}.key"));
        let sign = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"];
        let rest = ["-days", &days, "-extfile", "names.conf", "-out", &certificate];
        self.openssl(&[&sign[..], &rest].concat())
    }

    fn openssl(&self, arguments: &[&str]) -> Result<(), LabError> {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null());
        let done = command.output().map_err(|source| LabError::MissingTool {
            tool: "openssl",
            needs: "OpenSSL's program, which makes certificates",
            package: "openssl",
            source,
        })?;
        if done.status.success() {
            return Ok(());
        }
        let answer = tail(&String::from_utf8_lossy(&done.stderr), 10);
        Err(LabError::Refused { what: format!("openssl {}", arguments.join(" ")), answer })
    }
}
