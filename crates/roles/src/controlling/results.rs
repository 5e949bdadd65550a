//! What a search finds: the records of all agents in one order, oldest first, while they come in.

use std::sync::Arc;

use logs::wire::Request;
use logs::{Merge, Merged, Query, SourceStatus};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::source::{Event, Found, Source};
use super::{Controller, Report, Target};

/// A search that is under way. When it goes, its connections are closed and the agents stop searching.
pub struct Results {
    merge: Merge<Found>,
    reports: Vec<Report>,
    events: mpsc::Receiver<Event>,
    _asking: JoinSet<()>,
    began: Instant,
    left: u32,
}

impl Controller {
    /// Searches at all of these agents.
    #[must_use]
    pub fn search(self: &Arc<Self>, targets: &[Target], query: &Query) -> Results {
        let request = Request::Search(query.clone());
        let (asking, events) = self.begin(targets, &request);
        let reports = targets.iter().map(|one| Report::of(one.machine.clone()));
        Results {
            merge: Merge::of(targets.len()),
            reports: reports.collect(),
            events,
            _asking: asking,
            began: Instant::now(),
            left: query.limit,
        }
    }

    /// Begins to ask all of these agents for records.
    pub(super) fn begin(
        self: &Arc<Self>,
        targets: &[Target],
        request: &Request,
    ) -> (JoinSet<()>, mpsc::Receiver<Event>) {
        let (sender, events) = mpsc::channel(targets.len().max(1));
        let mut asking = JoinSet::new();
        for (agent, target) in targets.iter().enumerate() {
            let source = Source {
                controller: Arc::clone(self),
                target: target.clone(),
                request: request.clone(),
                agent,
                events: sender.clone(),
                share: self.pace.waiting / targets.len().max(1),
            };
            asking.spawn(source.run());
        }
        (asking, events)
    }
}

impl Results {
    /// Returns the next record; `None` when all agents have said all, or as many came as were wanted. What was not
    /// returned when this is dropped before its end is returned by the next call.
    pub async fn next(&mut self) -> Option<Found> {
        loop {
            if self.left == 0 {
                self.stop(&SourceStatus::Stopped);
                return None;
            }
            match self.merge.take() {
                Merged::Record(_, found) => {
                    self.left -= 1;
                    return Some(found.taken());
                }
                Merged::Done => return None,
                Merged::Wait => match self.events.recv().await {
                    Some(event) => self.take_in(event),
                    None => self.end_all(&SourceStatus::Unreachable(
                        "asking it ended here without a word".to_owned(),
                    )),
                },
            }
        }
    }

    /// Returns which agents still answer, for whoever waits.
    pub fn waiting(&self) -> impl Iterator<Item = &str> {
        let waiting = |report: &&Report| report.status == SourceStatus::Answering;
        self.reports
            .iter()
            .filter(waiting)
            .map(|report| &*report.machine)
    }

    /// Waits for no agent any longer; what they have given so far comes out.
    pub fn interrupt(&mut self) {
        let why = "it was not waited for any longer".to_owned();
        self.stop(&SourceStatus::CutOff(why));
    }

    /// Ends the search, if it has not ended, and says how each agent has answered.
    #[must_use]
    pub fn finish(mut self) -> Vec<Report> {
        self.stop(&SourceStatus::Stopped);
        self.reports
    }

    fn take_in(&mut self, event: Event) {
        match event {
            Event::Records(agent, records, left_out) => {
                let given = records.len() as u64;
                for found in records {
                    self.merge.push(agent, found.record.time, found);
                }
                let out_of_order = self.merge.out_of_order(agent);
                if let Some(report) = self.reports.get_mut(agent) {
                    report.given += given;
                    report.left_out += left_out;
                    report.out_of_order = out_of_order;
                }
            }
            Event::End(agent, ended) => {
                self.merge.end(agent, ended.status.clone());
                if let Some(report) = self.reports.get_mut(agent) {
                    report.end(ended);
                }
            }
            Event::Listening(_) | Event::Missed(_, _) => {}
        }
    }

    /// What came meanwhile counts; whoever still answers is not heard to the end.
    fn stop(&mut self, status: &SourceStatus) {
        while let Ok(event) = self.events.try_recv() {
            self.take_in(event);
        }
        self.end_all(status);
    }

    fn end_all(&mut self, status: &SourceStatus) {
        let took = self.began.elapsed();
        for (agent, report) in self.reports.iter_mut().enumerate() {
            if report.status == SourceStatus::Answering {
                self.merge.end(agent, status.clone());
                report.status = status.clone();
                report.took = took;
            }
        }
    }
}
