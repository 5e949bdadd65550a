//! Which line of the file a record is on.

/// The numbers of lines as an editor shows them. The positions of the CSV reader lie before blank lines and, where lines
/// end with CR and LF, before the LF of the line above.
pub(super) struct LineNumbers<'a> {
    bytes: &'a [u8],
    byte: usize,
    line: u64,
}

impl<'a> LineNumbers<'a> {
    /// Counts in this file.
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            byte: 0,
            line: 1,
        }
    }

    /// Returns the number of the line that begins at a position, which is not before the last one asked for.
    pub(super) fn at(&mut self, position: Option<&csv::Position>) -> u64 {
        let position = position.and_then(|position| usize::try_from(position.byte()).ok());
        let position = position.unwrap_or(self.byte);
        while let Some(&byte) = self.bytes.get(self.byte) {
            let is_end = matches!(byte, b'\r' | b'\n');
            if self.byte >= position && !is_end {
                break;
            }
            self.line += u64::from(byte == b'\n');
            self.byte += 1;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(text: &str) -> Vec<u64> {
        let mut csv = csv::Reader::from_reader(text.as_bytes());
        let mut lines = LineNumbers::new(text.as_bytes());
        let records = csv.records();
        records
            .map(|record| lines.at(record.unwrap().position()))
            .collect()
    }

    #[test]
    fn lines_are_those_of_an_editor_however_they_end() {
        assert_eq!(numbers("a,b\n1,2\n3,4"), [2, 3]);
        assert_eq!(numbers("a,b\r\n1,2\r\n3,4\r\n"), [2, 3]);
        assert_eq!(numbers("a,b\n\n1,2\n\n\n3,4\n"), [3, 6]);
        assert_eq!(numbers("a,b\n1,\"x\ny\"\n3,4\n"), [2, 4]);
    }
}
