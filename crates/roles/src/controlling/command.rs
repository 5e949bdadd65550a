//! Commands: one question to each agent, one reply of each.

use std::sync::Arc;

use logs::wire::{AgentStatus, Answer, Done, Request};
use logs::{Running, SourceStatus};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::link::{Link, Lost, clean, unasked};
use super::{Controller, Report, Target, now};

/// What an agent has replied to a command.
#[derive(Clone, Debug)]
pub struct Reply {
    /// How it answered.
    pub report: Report,
    /// What it said, if the command has an answer and this is it.
    pub said: Option<Said>,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Which scenarios run.
    Running(Vec<Running>),
    /// How the agent is.
    Status(Box<AgentStatus>),
}

impl Controller {
    /// Gives a command to all of these agents at the same time; returns their replies in the same order. `told` hears of
    /// each that has replied.
    pub async fn command(
        self: &Arc<Self>,
        targets: &[Target],
        request: &Request,
        mut told: impl FnMut(&Reply),
    ) -> Vec<Reply> {
        let mut asking = JoinSet::new();
        for (place, target) in targets.iter().enumerate() {
            let (own, target, request) = (Arc::clone(self), target.clone(), request.clone());
            asking.spawn(async move { (place, own.command_one(target, request).await) });
        }
        let mut replies: Vec<Option<Reply>> = targets.iter().map(|_| None).collect();
        while let Some(ended) = asking.join_next().await {
            // Of a task that panicked nothing is known; its place is filled below.
            if let Ok((place, reply)) = ended {
                told(&reply);
                if let Some(kept) = replies.get_mut(place) {
                    *kept = Some(reply);
                }
            }
        }
        let all = replies.into_iter().zip(targets);
        all.map(|(reply, target)| reply.unwrap_or_else(|| nothing_of(target)))
            .collect()
    }

    async fn command_one(&self, target: Target, request: Request) -> Reply {
        let (began, asked) = (Instant::now(), now());
        let mut report = Report::of(Arc::clone(&target.machine));
        let mut said = None;
        match self.ask(&target, &request).await {
            Ok(mut link) => match listen(&mut link, &mut said).await {
                Ok(done) => {
                    report.status = SourceStatus::Answered;
                    report.skew = Link::skew(&done, asked);
                }
                Err(lost) => report.status = link.lost(lost),
            },
            Err(lost) => report.status = lost.into(),
        }
        report.took = began.elapsed();
        Reply { report, said }
    }
}

async fn listen(link: &mut Link, said: &mut Option<Said>) -> Result<Done, Lost> {
    loop {
        match link.next().await? {
            Answer::Running(running) => *said = Some(Said::Running(clean_all(running))),
            Answer::Status(status) => *said = Some(Said::Status(Box::new(clean_status(*status)))),
            Answer::Done(done) => return Ok(done),
            Answer::Records(_)
            | Answer::Missed(_)
            | Answer::File { .. }
            | Answer::Bytes(_)
            | Answer::Refused(_) => return Err(unasked()),
        }
    }
}

fn clean_all(running: Vec<Running>) -> Vec<Running> {
    let cleaned = |one: Running| Running {
        scenario: clean(&one.scenario),
        by: clean(&one.by),
        ..one
    };
    running.into_iter().map(cleaned).collect()
}

fn clean_status(status: AgentStatus) -> AgentStatus {
    AgentStatus {
        version: clean(&status.version),
        trouble: status.trouble.as_deref().map(clean),
        running: clean_all(status.running),
        ..status
    }
}

fn nothing_of(target: &Target) -> Reply {
    let mut report = Report::of(Arc::clone(&target.machine));
    report.status = SourceStatus::Unreachable("asking it ended here without a word".to_owned());
    Reply { report, said: None }
}
