//! Who works: a phone by itself, or a pair of phones that call.

use crate::pair::Pair;
use crate::phone::{Fault, Phone, Target, Work};

/// A phone or a pair of them.
#[derive(Debug)]
pub(crate) enum Actor {
    /// It signs in.
    Phone(Box<Phone>),
    /// One calls the other.
    Pair(Box<Pair>),
}

impl Actor {
    /// Connects what this work takes.
    ///
    /// # Errors
    /// The server does not answer as it should.
    pub(crate) async fn connect(target: &Target, number: usize, work: Work) -> Result<Self, Fault> {
        match work {
            Work::Echo(_) | Work::Redirect | Work::Register => {
                let phone = Phone::connect(target, number, work).await?;
                Ok(Self::Phone(Box::new(phone)))
            }
            Work::Call | Work::CallAcross => {
                let pair = Pair::connect(target, number).await?;
                Ok(Self::Pair(Box::new(pair)))
            }
        }
    }

    /// Does one unit of work; returns how many messages were passed on for it.
    ///
    /// # Errors
    /// An answer is late, broken, or another than the work expects.
    pub(crate) async fn work(&mut self, work: Work) -> Result<u64, Fault> {
        match self {
            Self::Phone(phone) => phone.work(work).await.map(|()| 0),
            Self::Pair(pair) => pair.call().await,
        }
    }

    /// Ends all connections.
    pub(crate) async fn hang_up(self) {
        match self {
            Self::Phone(phone) => phone.hang_up().await,
            Self::Pair(pair) => pair.hang_up().await,
        }
    }
}
