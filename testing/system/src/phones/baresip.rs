//! Baresip 1.0, a phone that treats a redirected REGISTER as a failure and knows MD5 digests only.
//!
//! It runs without a sound card (a file is played, another is recorded), prints every message it sends and receives,
//! and takes commands on its standard input. It asks no resolver but the one in its configuration, and it does not
//! verify the server's certificate, whatever the configuration says: tests of that use another client.
//!
//! A message goes to the current contact of its address book, so [`Phone::send_message`] rewrites the book and loads
//! it again.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{
    Console, Event, Phone, PhoneError, Presence, Registration, Setup, installed, status_after,
};
use crate::names::Resolver;
use crate::process::Process;
use crate::zone::Zone;

const MODULES: &str = "/usr/lib/baresip/modules";
/// How long the recording that stands for a microphone lasts; baresip hangs up at its end.
const SILENCE_SECONDS: u32 = 120;
const SAMPLES_PER_SECOND: u32 = 8000;
/// What the console says when the other side ends, cancels or refuses a call, and when this side does.
const ENDINGS: [&str; 3] = [
    "session closed:",
    " terminated (duration:",
    "call: terminate call",
];

/// A running baresip.
#[derive(Debug)]
pub struct Baresip {
    console: Console,
    contacts: PathBuf,
    _names: Option<Zone>,
}

impl Baresip {
    /// Starts the phone, which begins to sign in.
    ///
    /// # Errors
    /// Fails when it is not installed or cannot be started.
    pub fn start(setup: &Setup<'_>) -> Result<Self, PhoneError> {
        let program = installed("baresip")?;
        let (names, server) = name_server(setup).map_err(PhoneError::Configuration)?;
        configure(setup, &server).map_err(PhoneError::Configuration)?;
        let mut command = Command::new(program);
        command
            .arg("-s")
            .arg("-f")
            .arg(setup.folder)
            .env("HOME", setup.folder);
        let process = Process::start("baresip", command, setup.folder)?;
        let contacts = setup.folder.join("contacts");
        Ok(Self {
            console: Console::new(process),
            contacts,
            _names: names,
        })
    }
}

impl Phone for Baresip {
    fn registration(&mut self) -> Result<Registration, PhoneError> {
        let done =
            |line: &str| line.contains("registered successfully!") || line.contains("reg: sip:");
        let line = self.console.wait("the end of the sign-in", done)?;
        if line.contains("registered successfully!") {
            return Ok(Registration::Registered);
        }
        // `reg: <address of record>: <status or a system error>`
        let after = line.split_once("reg: sip:").map_or("", |(_, rest)| rest);
        Ok(status_after(after, ": ").map_or(Registration::Unreachable, Registration::Refused))
    }

    fn call(&mut self, uri: &str) -> Result<(), PhoneError> {
        self.console.say(&format!("/dial {uri}"))
    }

    fn answer(&mut self) -> Result<(), PhoneError> {
        self.console.say("/accept")
    }

    fn hang_up(&mut self) -> Result<(), PhoneError> {
        self.console.say("/hangup")
    }

    fn send_message(&mut self, to: &str, text: &str) -> Result<(), PhoneError> {
        std::fs::write(&self.contacts, format!("\"peer\" <{to}>\n"))
            .map_err(PhoneError::Configuration)?;
        self.console.say("/rmmod contact")?;
        self.console.say("/insmod contact")?;
        self.console.wait("the address book", |line| {
            line.contains("Populated 1 contacts")
        })?;
        self.console.say(&format!("/message {text}"))
    }

    fn show(&mut self, presence: Presence) -> Result<(), PhoneError> {
        self.console.say(match presence {
            Presence::Online => "/presence_online",
            Presence::Offline => "/presence_offline",
        })
    }

    fn quit(&mut self) -> Result<(), PhoneError> {
        self.console.quit("baresip", "/quit")
    }

    fn wait_for(&mut self, event: &Event) -> Result<(), PhoneError> {
        self.console
            .wait(&format!("{event:?}"), |line| tells(line, event))
            .map(drop)
    }

    fn rejects_with(&self) -> u16 {
        486
    }

    fn log(&self) -> Vec<String> {
        self.console.log()
    }
}

/// Tells whether a line of the console is this event.
fn tells(line: &str, event: &Event) -> bool {
    match event {
        Event::Incoming => line.contains("Incoming call from:"),
        Event::Ringing => line.contains("SIP Progress: 180"),
        Event::Established => line.contains("Call established:"),
        Event::Ended => ENDINGS.iter().any(|ending| line.contains(ending)),
        Event::Refused(status) => status_after(line, "session closed: ") == Some(*status),
        Event::Message(text) => line.contains(&format!(": \"{text}\"")),
        Event::Line(text) => line.contains(text.as_str()),
        Event::Watching => line.starts_with("NOTIFY sip:"),
        Event::Presence(Presence::Online) => line.contains("to Online"),
        Event::Presence(Presence::Offline) => line.contains("to Offline"),
    }
}

/// The name server that the phone asks, and ours if it is one.
fn name_server(setup: &Setup<'_>) -> io::Result<(Option<Zone>, String)> {
    match setup.names {
        Resolver::Table(names) => {
            let zone = names.serve(setup.at)?;
            let address = zone.address().to_string();
            Ok((Some(zone), address))
        }
        Resolver::Server(server) => Ok((None, format!("{server}:53"))),
    }
}

fn configure(setup: &Setup<'_>, server: &str) -> io::Result<()> {
    let Setup {
        account,
        certificate,
        names,
        at,
        trust,
        folder,
        watches,
        ..
    } = *setup;
    let watched = watches.all();
    let is_present = !watched.is_empty();
    let silence = folder.join("silence.wav");
    write_silence(&silence)?;
    let config = format!(
        "poll_method epoll\nsip_listen {at}:0\nsip_cafile {trust}\n{certificate}net_interface {at}\ndns_server {dns}\n\
         call_local_timeout 60\ncall_max_calls 4\nmenu_bell no\nstatmode_default off\nringback_disabled yes\n\
         audio_path {folder}\naudio_source aufile,{silence}\naudio_player aufile,{folder}/heard.wav\n\
         audio_alert aufile,{folder}/alert.wav\nmodule_path {MODULES}\nmodule stdio.so\nmodule g711.so\n\
         module aufile.so\nmodule_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule_app contact.so\n{presence}",
        presence = if is_present {
            "module_app presence.so\n"
        } else {
            ""
        },
        certificate = certificate
            .map(|file| format!("sip_certificate {}\n", file.display()))
            .unwrap_or_default(),
        trust = trust.display(),
        dns = server,
        folder = folder.display(),
        silence = silence.display(),
    );
    let outbound = match names {
        Resolver::Table(_) => format!(
            "outbound=\"sip:{}:{};transport=tls\";",
            account.server, account.port
        ),
        Resolver::Server(_) => String::new(),
    };
    let line = format!(
        "<{uri};transport=tls>;auth_user={user};auth_pass={password};\
         {outbound}answermode=manual;regint=600{publish}\n",
        publish = if is_present { ";pubint=600" } else { "" },
        uri = account.uri(),
        user = account.user,
        password = account.password,
    );
    std::fs::write(folder.join("config"), config)?;
    std::fs::write(folder.join("accounts"), line)?;
    // One subscription for all is nothing that it knows.
    let contact = |uri| format!("\"peer\" <{uri}>;presence=p2p\n");
    let contacts: String = watched.into_iter().map(contact).collect();
    std::fs::write(folder.join("contacts"), contacts)
}

/// Writes a recording of silence: 16 bits, one channel.
fn write_silence(path: &Path) -> io::Result<()> {
    const HEADER: u32 = 44;
    let bytes = SILENCE_SECONDS * SAMPLES_PER_SECOND * 2;
    let mut head = Vec::new();
    head.extend_from_slice(b"RIFF");
    head.extend_from_slice(&(HEADER - 8 + bytes).to_le_bytes());
    head.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    head.extend_from_slice(&SAMPLES_PER_SECOND.to_le_bytes());
    head.extend_from_slice(&(SAMPLES_PER_SECOND * 2).to_le_bytes());
    head.extend_from_slice(b"\x02\0\x10\0data");
    head.extend_from_slice(&bytes.to_le_bytes());
    let mut file = File::create(path)?;
    file.write_all(&head)?;
    file.set_len(u64::from(HEADER + bytes))
}

#[cfg(test)]
mod tests {
    use super::tells;
    use crate::phones::Event;

    #[test]
    fn the_console_of_version_1_0_is_understood() {
        let cases = [
            (
                "sip:a@x: Incoming call from:  sip:b@x - (press 'a' to accept)",
                Event::Incoming,
            ),
            ("call: SIP Progress: 180 Ringing (/)", Event::Ringing),
            ("a@x: Call established: sip:b@x", Event::Established),
            (
                "sip:a@x: Call with sip:b@x terminated (duration: 1 sec)",
                Event::Ended,
            ),
            (
                "sip:b@x: session closed: Connection reset by peer",
                Event::Ended,
            ),
            (
                "sip:b@x;transport=tls: session closed: 603 Decline",
                Event::Refused(603),
            ),
            (
                "sip:b@x: \"good day\"",
                Event::Message("good day".to_owned()),
            ),
        ];
        for (line, event) in cases {
            assert!(tells(line, &event), "{line}");
        }
        assert!(!tells(
            "call: SIP Progress: 183 Session Progress",
            &Event::Ringing
        ));
    }
}
