//! The question to a logging agent: how it is. What it answers a machine, that it may not ask, no other program would say.

use firewall::matrix::Found;
use logs::wire::{AgentStatus, Answer, Decoder, Refused, Request, encode};
use runtime::tls::examine::explain;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::attempt::unsecured;
use super::questions::other_than;

/// Asks over a connection that stands. Any of the agent's ports will do: who may not ask is told so on each.
pub(super) async fn ask<S>(mut stream: S) -> Result<Found, Found>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = Vec::new();
    encode(&Request::Status, &mut request).map_err(|error| Found::Untried {
        reason: error.to_string(),
    })?;
    let sent = async {
        stream.write_all(&request).await?;
        stream.flush().await
    };
    sent.await.map_err(|error| unsecured(&explain(&error)))?;
    let mut decoder = Decoder::<Answer>::default();
    let mut buffer = vec![0; 4096];
    loop {
        let answer = decoder.take();
        if let Some(answer) = answer.map_err(|_| other_than("logging agent"))? {
            return Ok(judge(answer));
        }
        let read = stream.read(&mut buffer).await;
        let read = read.map_err(|error| unsecured(&explain(&error)))?;
        match buffer.get(..read) {
            None | Some([]) => return Err(Found::Closed),
            Some(bytes) => decoder.push(bytes),
        }
    }
}

fn judge(answer: Answer) -> Found {
    match answer {
        Answer::Refused(Refused::NotAllowed(_) | Refused::WrongPort) => Found::Answered,
        Answer::Refused(why @ (Refused::Busy | Refused::Failed(_))) => Found::Unhealthy {
            said: why.to_string(),
        },
        Answer::Status(status) => match *status {
            AgentStatus {
                trouble: Some(said),
                ..
            } => Found::Unhealthy { said },
            AgentStatus { trouble: None, .. } => Found::Answered,
        },
        Answer::Running(_)
        | Answer::Records(_)
        | Answer::Missed(_)
        | Answer::File { .. }
        | Answer::Bytes(_)
        | Answer::Done(_) => other_than("answer to that"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of an agent, or whoever is in its place, that says this.
    async fn found(said: Vec<u8>) -> Result<Found, Found> {
        let (ours, mut theirs) = tokio::io::duplex(4096);
        let other = tokio::spawn(async move {
            let mut heard = [0; 7];
            theirs.read_exact(&mut heard).await.unwrap();
            assert_eq!(heard, [0, 0, 0, 3, 1, 1, 5], "one request, for its status");
            theirs.write_all(&said).await.unwrap();
        });
        let found = ask(ours).await;
        other.await.unwrap();
        found
    }

    fn answer(answer: &Answer) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(answer, &mut bytes).unwrap();
        bytes
    }

    #[tokio::test]
    async fn an_agent_is_known_by_what_it_answers_whoever_asks() {
        let status = |trouble: Option<&str>| {
            let trouble = trouble.map(str::to_owned);
            Answer::Status(Box::new(AgentStatus {
                trouble,
                ..AgentStatus::default()
            }))
        };
        let unwell = |said: &str| {
            let said = said.to_owned();
            Ok(Found::Unhealthy { said })
        };
        let no = Refused::NotAllowed("no".to_owned());
        for (said, expected) in [
            (Answer::Refused(no), Ok(Found::Answered)),
            (Answer::Refused(Refused::WrongPort), Ok(Found::Answered)),
            (status(None), Ok(Found::Answered)),
            (status(Some("the disk")), unwell("the disk")),
            (
                Answer::Refused(Refused::Busy),
                unwell("the agent answers others; ask again later"),
            ),
        ] {
            assert_eq!(found(answer(&said)).await, expected, "{said:?}");
        }
        let http = b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec();
        assert_eq!(found(http).await, Err(other_than("logging agent")));
        assert_eq!(found(Vec::new()).await, Err(Found::Closed));
    }
}
