//! The packet filters that the product renders for a topology, and where they belong in a bed.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Command;

use thiserror::Error;

use super::{Bed, INNER, OUTER};
use crate::deployment::{DeploymentError, binary};

/// The boundaries of the product, as its command line calls them, and who stands there in a bed.
const BOUNDARIES: [(&str, &str); 2] = [("outside", OUTER), ("inside", INNER)];

/// Why there are no filters.
#[derive(Debug, Error)]
pub enum FilterError {
    /// There is no binary.
    #[error(transparent)]
    Binary(#[from] DeploymentError),
    /// The product does not render the rules of a place.
    #[error("the rules of {place} are not rendered: {said}")]
    Render {
        /// Which.
        place: String,
        /// What it said.
        said: String,
    },
    /// The system does not take them.
    #[error("the rules of {place} are not taken")]
    Load {
        /// Which.
        place: String,
        /// What it said.
        #[source]
        source: io::Error,
    },
}

/// The rules of every machine and every packet filter of a bed, as `nft -f` reads them.
#[derive(Debug, Clone)]
pub struct Filters(BTreeMap<String, String>);

impl Filters {
    /// Has the product render the rules of a bed's topology.
    ///
    /// # Errors
    /// Fails when it does not.
    pub fn rendered(bed: &Bed) -> Result<Self, FilterError> {
        let machines = bed.machines().map(|name| (name, ["--machine", name]));
        let boundaries = BOUNDARIES.map(|(word, place)| (place, ["--boundary", word]));
        let rules = machines.chain(boundaries).map(|(place, words)| {
            let rules = render(bed.file(), place, words)?;
            Ok((place.to_owned(), rules))
        });
        rules.collect::<Result<_, _>>().map(Self)
    }

    /// Leaves every place with its rules and nothing else.
    ///
    /// # Errors
    /// Fails when the kernel does not take them.
    pub fn load(&self, bed: &Bed) -> Result<(), FilterError> {
        let mut places = bed.places.keys();
        places.try_for_each(|place| self.load_at(bed, place))
    }

    /// Leaves one place with its rules and nothing else, from one packet to the next.
    ///
    /// # Errors
    /// Fails when the kernel does not take them.
    pub fn load_at(&self, bed: &Bed, place: &str) -> Result<(), FilterError> {
        let rules = self.0.get(place).map_or("", String::as_str);
        let loaded = bed.at(place).load(&format!("flush ruleset\n{rules}"));
        loaded.map_err(|source| FilterError::Load {
            place: place.to_owned(),
            source,
        })
    }

    /// Returns the places that have rules.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn render(topology: &Path, place: &str, words: [&str; 2]) -> Result<String, FilterError> {
    let failed = |said: String| FilterError::Render {
        place: place.to_owned(),
        said,
    };
    let mut command = Command::new(binary()?);
    command.args(["firewall", "render"]).arg(topology);
    command.args(words).args(["--format", "nft"]);
    let output = command.output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}
