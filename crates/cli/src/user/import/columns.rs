//! The columns of a file of users.

use anyhow::{Context as _, bail};
use csv::StringRecord;

const COLUMNS: [&str; 4] = ["aor", "password", "name", "pool"];

/// Where the columns are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// How many there are.
    pub(super) count: usize,
    pub(super) aor: usize,
    pub(super) password: usize,
    pub(super) name: Option<usize>,
    pub(super) pool: Option<usize>,
}

impl Columns {
    /// Finds the columns by the names in the first line.
    pub(super) fn find(head: &StringRecord) -> anyhow::Result<Columns> {
        let names: Vec<String> = head
            .iter()
            .map(|name| {
                name.trim()
                    .trim_start_matches('\u{feff}')
                    .to_ascii_lowercase()
            })
            .collect();
        let columns = COLUMNS.join(",");
        if names.is_empty() {
            bail!("it is empty; its first line must name the columns, as {columns}");
        }
        if let Some(unknown) = names.iter().find(|name| !COLUMNS.contains(&name.as_str())) {
            let unknown = quoted(unknown);
            bail!(
                "there is no column {unknown}; the first line must name the columns, as {columns}"
            );
        }
        let find = |wanted: &str| names.iter().position(|name| name == wanted);
        if let Some((_, twice)) = names
            .iter()
            .enumerate()
            .find(|(place, name)| find(name) != Some(*place))
        {
            bail!("the column {twice:?} is there twice");
        }
        let need = |wanted| {
            find(wanted).with_context(|| {
                format!("the column {wanted:?} is missing; the first line must name the columns, as {columns}")
            })
        };
        Ok(Self {
            count: names.len(),
            aor: need("aor")?,
            password: need("password")?,
            name: find("name"),
            pool: find("pool"),
        })
    }
}

/// Returns what the file says, short enough to be repeated.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    if text.chars().count() <= SHOWN {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(SHOWN).collect();
    format!("{start:?}...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let head = StringRecord::from(vec!["\u{feff}Pool", " password", "AOR"]);
        let found = Columns::find(&head).unwrap();
        assert_eq!(
            found,
            Columns {
                count: 3,
                aor: 2,
                password: 1,
                name: None,
                pool: Some(0)
            }
        );
    }

    #[test]
    fn a_missing_and_an_unknown_column_are_named() {
        let missing = Columns::find(&StringRecord::from(vec!["aor", "name"])).unwrap_err();
        assert_eq!(
            missing.to_string(),
            "the column \"password\" is missing; the first line must name the columns, as aor,password,name,pool"
        );
        let unknown =
            Columns::find(&StringRecord::from(vec!["aor", "password", "phone"])).unwrap_err();
        assert_eq!(
            unknown.to_string(),
            "there is no column \"phone\"; the first line must name the columns, as aor,password,name,pool"
        );
        let twice = Columns::find(&StringRecord::from(vec!["aor", "password", "AOR"])).unwrap_err();
        assert_eq!(twice.to_string(), "the column \"aor\" is there twice");
    }
}
