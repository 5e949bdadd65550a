//! Linphone 5.1 (`linphonec`), a phone that follows a redirected REGISTER and verifies the server's certificate and
//! name.
//!
//! It runs without a sound card and takes commands on its standard input; its trace goes to its standard output, so
//! that console and messages stay in order. Its resolver reads `/etc/hosts`, therefore it runs in a mount namespace
//! with a file of ours, which needs root. It opens its transport a moment after the start and signs in then.

use std::fs;
use std::io;

use super::{
    Console, Event, Phone, PhoneError, Presence, Registration, Setup, Watches, installed,
    status_after,
};
use crate::names::Resolver;
use crate::process::Process;

/// A running linphonec.
#[derive(Debug)]
pub struct Linphone {
    console: Console,
}

impl Linphone {
    /// Starts the phone, which begins to sign in.
    ///
    /// # Errors
    /// Fails when it is not installed or cannot be started.
    pub fn start(setup: &Setup<'_>) -> Result<Self, PhoneError> {
        let program = installed("linphonec")?;
        configure(setup).map_err(PhoneError::Configuration)?;
        let mut command = setup
            .names
            .command(&program, setup.folder)
            .map_err(PhoneError::Configuration)?;
        command.arg("-c").arg(setup.folder.join("linphonerc"));
        command.args(["-d", "6", "-l", "/dev/stdout", "-S"]);
        command
            .env("HOME", setup.folder)
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME");
        let process = Process::start("linphone", command, setup.folder)?;
        Ok(Self {
            console: Console::new(process),
        })
    }
}

impl Phone for Linphone {
    fn registration(&mut self) -> Result<Registration, PhoneError> {
        const DONE: [&str; 2] = [
            "to [LinphoneRegistrationOk]",
            "to [LinphoneRegistrationFailed]",
        ];
        let done = |line: &str| DONE.iter().any(|state| line.contains(state));
        let line = self.console.wait("the end of the sign-in", done)?;
        if line.contains(DONE[0]) {
            return Ok(Registration::Registered);
        }
        Ok(why_refused(&self.console.log()))
    }

    fn call(&mut self, uri: &str) -> Result<(), PhoneError> {
        self.console.say(&format!("call {uri}"))
    }

    fn answer(&mut self) -> Result<(), PhoneError> {
        self.console.say("answer")
    }

    fn hang_up(&mut self) -> Result<(), PhoneError> {
        self.console.say("terminate")
    }

    fn send_message(&mut self, to: &str, text: &str) -> Result<(), PhoneError> {
        self.console.say(&format!("chat {to} {text}"))
    }

    fn show(&mut self, _presence: Presence) -> Result<(), PhoneError> {
        Err(PhoneError::NoCommand("linphone"))
    }

    fn quit(&mut self) -> Result<(), PhoneError> {
        self.console.quit("linphone", "quit")
    }

    fn wait_for(&mut self, event: &Event) -> Result<(), PhoneError> {
        self.console
            .wait(&format!("{event:?}"), |line| tells(line, event))
            .map(drop)
    }

    fn rejects_with(&self) -> u16 {
        603
    }

    fn log(&self) -> Vec<String> {
        self.console.log()
    }
}

/// Tells whether a line of console or trace is this event.
fn tells(line: &str, event: &Event) -> bool {
    let call = |end: &str| line.contains("Call ") && line.contains(end);
    match event {
        Event::Incoming => line.contains("Receiving new incoming call from"),
        Event::Ringing => call(" ringing."),
        Event::Established => line.contains("Media streams established with"),
        Event::Ended => call(" ended ("),
        // The console says only that there was an error; the answer itself is in the trace.
        Event::Refused(status) => line.contains(&format!("SIP/2.0 {status} ")),
        Event::Message(text) => line.contains("Message received from") && line.ends_with(text),
        Event::Line(text) => line.contains(text.as_str()),
        Event::Watching => line.contains("We are notified that ["),
        Event::Presence(Presence::Online) => {
            line.contains("Friend ") && line.ends_with(" is Online")
        }
        Event::Presence(Presence::Offline) => {
            line.contains("Friend ") && line.ends_with(" is Offline")
        }
    }
}

/// Returns what the log says last about a sign-in that failed.
fn why_refused(log: &[String]) -> Registration {
    let verdict = |line: &String| {
        if line.contains("reason [io error]") {
            return Some(Registration::Unreachable);
        }
        let status =
            status_after(line, "Register refresher [").or_else(|| status_after(line, "SIP/2.0 "));
        status.map(Registration::Refused)
    };
    log.iter()
        .rev()
        .find_map(verdict)
        .unwrap_or(Registration::Unreachable)
}

fn configure(setup: &Setup<'_>) -> io::Result<()> {
    let Setup {
        account,
        at,
        trust,
        folder,
        watches,
        names,
        certificate,
    } = *setup;
    let friend = |(n, uri)| format!("[friend_{n}]\nurl=<{uri}>\npol=accept\nsubscribe=1\n");
    let watched = watches.all();
    let friends: String = watched.iter().enumerate().map(friend).collect();
    let lists = match watches {
        Watches::List(_) => format!("rls_uri=sip:rls@{}\n", account.domain),
        Watches::Nobody | Watches::One(_) => String::new(),
    };
    let proof = certificate.map(|file| {
        let file = file.display();
        format!("client_cert_chain={file}\nclient_cert_key={file}\n")
    });
    // Linphone does not make the folder of its own database.
    fs::create_dir_all(folder.join(".local/share/linphone"))?;
    fs::create_dir_all(folder.join(".config/linphone"))?;
    let (server, route, by_service) = match names {
        Resolver::Table(_) => {
            let server = format!("{}:{}", account.server, account.port);
            let route = format!("reg_route=<sip:{server};transport=tls;lr>\n");
            (server, route, 0)
        }
        Resolver::Server(_) => (account.domain.clone(), String::new(), 1),
    };
    let rc = format!(
        "[sip]\nsip_port=0\nsip_tcp_port=0\nsip_tls_port=-1\nbind_address={at}\nuse_ipv6=0\nguess_hostname=0\n\
         root_ca={trust}\nverify_server_certs=1\nverify_server_cn=1\nmedia_encryption=none\ndefault_proxy=0\n{proof}{lists}\
         [net]\ndns_srv_enabled={by_service}\n[rtp]\naudio_rtp_port=-1\n[video]\nenabled=0\n\
         [auth_info_0]\nusername={user}\npasswd={password}\nrealm={domain}\ndomain={domain}\n\
         [proxy_0]\nreg_proxy=<sip:{server};transport=tls>\n{route}\
         reg_identity={uri}\nreg_expires=600\nreg_sendregister=1\npublish={publish}\n{friends}",
        publish = u8::from(!watched.is_empty()),
        proof = proof.unwrap_or_default(),
        trust = trust.display(),
        user = account.user,
        password = account.password,
        domain = account.domain,
        uri = account.uri(),
    );
    fs::write(folder.join("linphonerc"), rc)
}

#[cfg(test)]
mod tests {
    use super::{tells, why_refused};
    use crate::phones::{Event, Registration};

    #[test]
    fn the_console_of_version_5_1_is_understood() {
        let cases = [
            (
                "linphonec> Receiving new incoming call from sip:a@x, assigned id 1",
                Event::Incoming,
            ),
            ("linphonec> Call 2 to sip:a@x ringing.", Event::Ringing),
            (
                "Media streams established with sip:a@x for call 1 (audio).",
                Event::Established,
            ),
            ("Call 3 with sip:a@x ended (Not answered).", Event::Ended),
            ("SIP/2.0 486 Rejected", Event::Refused(486)),
            (
                "Message received from sip:a@x: good day",
                Event::Message("good day".to_owned()),
            ),
        ];
        for (line, event) in cases {
            assert!(tells(line, &event), "{line}");
        }
    }

    #[test]
    fn a_refusal_is_told_from_a_lost_connection() {
        let log = |line: &str| vec!["SIP/2.0 401 Unauthorized".to_owned(), line.to_owned()];
        assert_eq!(
            why_refused(&log("SIP/2.0 403 Forbidden")),
            Registration::Refused(403)
        );
        let lost = log("Register refresher [503] reason [io error] for proxy");
        assert_eq!(why_refused(&lost), Registration::Unreachable);
    }
}
