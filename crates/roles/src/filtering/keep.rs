//! The watchdog: loads rules on trial and takes them back.

use std::future::pending as never;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use runtime::control::call;
use runtime::nft;
use runtime::signals::{Asked, Signals};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;

use super::{Ask, Claim, Event, Folder, MAX_TRIAL, Order, Outcome, Pending, TrialError};
use crate::fault::chain;

/// How often the way back is tried, and the pause between.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);
/// How many callers may wait at once for what becomes of a trial; the socket takes no more.
const ASKED: usize = 16;

/// What a caller asks, and where the answer goes.
type Asking = (Ask, oneshot::Sender<Outcome>);

/// Has a watchdog end its trial, and returns how it did.
///
/// # Errors
/// When none is running.
pub async fn ask(folder: &Folder, ask: Ask) -> Result<Outcome, TrialError> {
    Ok(call(&folder.socket(), &ask).await?)
}

/// Keeps one trial from its beginning to its end; `tell` hears of both. Must run within a tokio runtime.
///
/// A signal to end takes the rules back at once: whoever stops the watchdog must not be left with them.
pub async fn keep(folder: &Folder, order: Order, tell: impl Fn(&Event)) {
    // From here on a signal is heard, and waits until there is something to take back.
    let signals = Signals::listen();
    match begin(folder, order).await {
        Ok(trial) => {
            tell(&Event::Loaded);
            let outcome = trial.wait(signals).await;
            tell(&Event::Over(outcome));
        }
        Err(error) => {
            let reason = chain(&error);
            tell(&Event::Refused { reason });
        }
    }
}

/// A trial under way.
struct Trial {
    claim: Arc<Claim>,
    pending: Pending,
    within: Duration,
}

async fn begin(folder: &Folder, order: Order) -> Result<Trial, TrialError> {
    let claim = Arc::new(folder.claim().await?);
    claim.nothing_waits()?;
    let within = Duration::from_secs(order.within_s).min(MAX_TRIAL);
    let pending = Pending::new(&order.place, within);
    let begun = spawn_blocking(move || {
        claim.keep(&pending)?;
        if let Err(error) = nft::load(&order.rules) {
            claim.end()?;
            return Err(TrialError::Load(error));
        }
        Ok(Trial {
            claim,
            pending,
            within,
        })
    });
    begun.await.unwrap_or(Err(TrialError::Interrupted))
}

impl Trial {
    /// Waits for the first word about the trial, or for its time to be over; whoever asked hears how it ended.
    async fn wait(self, signals: io::Result<Signals>) -> Outcome {
        let claim = Arc::clone(&self.claim);
        let (asking, asked) = mpsc::channel::<Asking>(ASKED);
        let serving = claim.server.serve(move |ask: Ask| {
            let asking = asking.clone();
            async move {
                let (answer, outcome) = oneshot::channel();
                let _over_already = asking.send((ask, answer)).await;
                outcome.await.unwrap_or_else(|_| Outcome::Stuck {
                    reason: "the trial had ended already".to_owned(),
                })
            }
        });
        let outcome = tokio::select! {
            outcome = self.decide(asked, signals) => outcome,
            outcome = async { serving.await; never().await } => outcome,
        };
        claim.server.answered().await;
        outcome
    }

    async fn decide(
        self,
        mut asked: mpsc::Receiver<Asking>,
        signals: io::Result<Signals>,
    ) -> Outcome {
        let over = tokio::time::sleep(self.within);
        let (outcome, answer) = tokio::select! {
            Some((ask, answer)) = asked.recv() => match ask {
                Ask::Confirm => (self.confirm(), Some(answer)),
                Ask::Rollback => (self.go_back(false).await, Some(answer)),
            },
            () = stopped(signals) => (self.go_back(false).await, None),
            () = over => (self.go_back(true).await, None),
        };
        if let Some(answer) = answer {
            // The caller may have gone; the outcome is told to the foreground as well.
            let _ = answer.send(outcome.clone());
        }
        outcome
    }

    fn confirm(&self) -> Outcome {
        match self.claim.end() {
            Ok(()) => Outcome::Confirmed,
            Err(error) => self.stuck(&error),
        }
    }

    async fn go_back(&self, is_late: bool) -> Outcome {
        let mut tries = 0;
        loop {
            tries += 1;
            let claim = Arc::clone(&self.claim);
            let back = spawn_blocking(move || claim.go_back()).await;
            match back.unwrap_or(Err(TrialError::Interrupted)) {
                Ok(()) => return Outcome::RolledBack { is_late },
                Err(error) if tries == TRIES => return self.stuck(&error),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn stuck(&self, error: &TrialError) -> Outcome {
        let reason = chain(error);
        let pending = Pending {
            stuck: Some(reason.clone()),
            ..self.pending.clone()
        };
        // What cannot be written down is still told.
        let _ = self.claim.note(&pending);
        Outcome::Stuck { reason }
    }
}

/// Waits for a signal to end; where none can be heard, for ever.
async fn stopped(signals: io::Result<Signals>) {
    let Ok(mut signals) = signals else {
        return never().await;
    };
    while signals.next().await != Asked::Drain {}
}
