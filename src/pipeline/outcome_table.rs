//! A CSV → which patient each slide is of, how long that one was followed, and whether the event came.
//!
//! Invariant: what patients are called ends here; in messages they are lines of the table, afterwards numbers.

use crate::error::{Error, ErrorKind, Result};
use csv::StringRecord;
use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

/// A longer table is not one of slides.
const MAX_BYTES: u64 = 64 << 20;
/// Unknown slides that a message names.
const NAMED: usize = 5;

/// Where the outcomes of patients are, and in which unit times are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeSource {
    /// A CSV with the columns `id` (of a slide, as in the results), `time` and `event` (0 or 1), and `patient` where one
    /// has several slides. Other columns are left alone.
    pub table: PathBuf,
    /// The unit of the times, such as `months`.
    pub unit: String,
}

/// How long one patient was followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct FollowUp {
    /// In the unit of the source; finite, not negative.
    pub time: f64,
    /// Whether it ended with the event.
    pub event: bool,
}

/// The outcomes of the patients of some slides.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OutcomeTable {
    /// For each slide its patient.
    pub slides: HashMap<String, usize>,
    pub patients: Vec<FollowUp>,
    /// Whether the table says who is of whom; else each slide is taken for a patient of its own.
    pub grouped: bool,
    /// The unit of the times.
    pub unit: String,
    /// BLAKE3 of the file.
    pub digest: String,
}

impl OutcomeSource {
    /// Reads the table and holds it against the slides that there are.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be read; [`ErrorKind::Usage`]: `SUR-0020` for what is no such table, with the line,
    /// `SUR-0021` for two outcomes of one patient, `SUR-0022` for slides that there are not.
    pub(super) fn read<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Result<OutcomeTable> {
        let refuse = |error| Error::io(&self.table, "read the outcomes", error);
        let bytes = fs::metadata(&self.table).map_err(refuse)?.len();
        if bytes > MAX_BYTES {
            let message = format!("expected a table of at most {MAX_BYTES} bytes, found {bytes}");
            return Err(fault(message).at_path(&self.table));
        }
        let text = fs::read(&self.table).map_err(refuse)?;
        let known: Vec<&str> = ids.into_iter().collect();
        let table = OutcomeTable::parse(&text, &self.unit).and_then(|table| table.of_slides(&known));
        table.map_err(|error| error.at_path(&self.table))
    }
}

impl OutcomeTable {
    fn parse(text: &[u8], unit: &str) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
        let header = reader.headers().map_err(|error| fault(format!("expected a CSV: {error}")))?.clone();
        let required = |name: &str| {
            let found: Vec<&str> = header.iter().collect();
            column(&header, name)?
                .ok_or_else(|| fault(format!("expected a column {name}, found {}", found.join(", "))))
                .map_err(|error| error.with_advice("columns are separated by commas, and named in the first line"))
        };
        let (id, time, event) = (required("id")?, required("time")?, required("event")?);
        let patient = column(&header, "patient")?;
        let mut slides = HashMap::new();
        let mut patients: Vec<FollowUp> = Vec::new();
        let mut named: HashMap<String, (usize, u64)> = HashMap::new();
        for record in reader.records() {
            let record = record.map_err(|error| fault(format!("expected a row: {error}")))?;
            let line = record.position().map_or(0, csv::Position::line);
            let at_line = |text: String| fault(format!("line {line}: {text}"));
            let cell = |column: usize| record.get(column).unwrap_or_default();
            let found = follow_up(cell(time), cell(event)).map_err(at_line)?;
            let next = patients.len();
            let (number, first) = match patient.map(cell) {
                Some("") => return Err(at_line("expected a patient in every row, found none".to_owned())),
                Some(name) => *named.entry(name.to_owned()).or_insert((next, line)),
                None => (next, line),
            };
            match patients.get(number) {
                None => patients.push(found),
                Some(known) if *known == found => {}
                Some(_) => {
                    let message =
                        format!("expected one outcome of a patient, found others in lines {first} and {line}");
                    return Err(Error::new(ErrorKind::Usage, "SUR-0021", message)
                        .with_advice("time and event are those of the patient, the same for each of the slides"));
                }
            }
            if cell(id).is_empty() || slides.insert(cell(id).to_owned(), number).is_some() {
                return Err(at_line(format!("expected the id of another slide in each row, found {:?}", cell(id))));
            }
        }
        if slides.is_empty() {
            return Err(fault("expected rows below the header, found none"));
        }
        let digest = blake3::hash(text).to_hex().to_string();
        Ok(Self { slides, patients, grouped: patient.is_some(), unit: unit.to_owned(), digest })
    }

    /// The same, when it has no other slides than these.
    fn of_slides(self, ids: &[&str]) -> Result<Self> {
        let mut unknown: Vec<&str> = self.slides.keys().map(String::as_str).filter(|id| !ids.contains(id)).collect();
        if unknown.is_empty() {
            return Ok(self);
        }
        unknown.sort_unstable();
        let some = unknown.iter().take(NAMED).map(|id| format!("{id:?}")).collect::<Vec<_>>().join(", ");
        let more = if unknown.len() > NAMED { format!(" and {} more", unknown.len() - NAMED) } else { String::new() };
        let message = format!("expected ids of slides in the results, found {some}{more}");
        Err(Error::new(ErrorKind::Usage, "SUR-0022", message)
            .with_advice("ids are those of the column id in summary.csv; leave out rows of other slides"))
    }

    /// How many slides of these have no outcome.
    pub(super) fn missing<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> usize {
        ids.into_iter().filter(|id| !self.slides.contains_key(*id)).count()
    }
}

/// Where a column is, if there is one.
fn column(header: &StringRecord, name: &str) -> Result<Option<usize>> {
    let mut found = header.iter().enumerate().filter(|(_, head)| *head == name).map(|(at, _)| at);
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(fault(format!("expected one column {name}, found two"))),
        (first, None) => Ok(first),
    }
}

fn follow_up(time: &str, event: &str) -> std::result::Result<FollowUp, String> {
    let known = time.parse::<f64>().ok().filter(|time| time.is_finite() && *time >= 0.0);
    let time = known.ok_or_else(|| format!("expected a time of 0 or more, found {time:?}"))?;
    // Programs that know missing values write whole numbers like this.
    let event = match event {
        "0" | "0.0" => false,
        "1" | "1.0" => true,
        _ => return Err(format!("expected an event of 0 or 1, found {event:?}")),
    };
    Ok(FollowUp { time, event })
}

fn fault(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, "SUR-0020", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slides_of_one_patient_share_an_outcome_and_other_columns_are_left_alone() {
        let text = "\u{feff}patient,id, time ,event,stage\np,a,12.5,1,II\nq,b,3,0.0,\np,c,12.5,1,II\n";
        let table = OutcomeTable::parse(text.as_bytes(), "months").unwrap();
        assert_eq!(table.patients, [FollowUp { time: 12.5, event: true }, FollowUp { time: 3.0, event: false }]);
        assert_eq!([table.slides["a"], table.slides["b"], table.slides["c"]], [0, 1, 0]);
        assert!(table.grouped);
        assert_eq!(table.missing(["a", "d", "e"]), 2);
        let alone = OutcomeTable::parse(b"id,time,event\na,1,1\nb,1,1\n", "months").unwrap();
        assert_eq!((alone.patients.len(), alone.grouped), (2, false));
    }

    #[test]
    fn tables_that_cannot_be_trusted_are_refused_with_their_line() {
        for (table, code, words) in [
            ("", "SUR-0020", "a column id"),
            ("id,time\na,1\n", "SUR-0020", "a column event, found id, time"),
            ("id;time;event\na;1;1\n", "SUR-0020", "a column id"),
            ("id,time,event,time\na,1,1,1\n", "SUR-0020", "one column time, found two"),
            ("id,time,event\n", "SUR-0020", "rows below the header"),
            ("id,time,event\na,1\n", "SUR-0020", "line: 2"),
            ("id,time,event\na,1,1\nb,-0.5,1\n", "SUR-0020", "line 3: expected a time of 0 or more, found \"-0.5\""),
            ("id,time,event\na,inf,1\n", "SUR-0020", "line 2: expected a time"),
            ("id,time,event\na,NaN,1\n", "SUR-0020", "line 2: expected a time"),
            ("id,time,event\na,,1\n", "SUR-0020", "line 2: expected a time"),
            ("id,time,event\na,1,2\n", "SUR-0020", "line 2: expected an event of 0 or 1, found \"2\""),
            ("id,time,event\na,1,yes\n", "SUR-0020", "line 2: expected an event"),
            ("id,time,event\n,1,1\n", "SUR-0020", "line 2: expected the id"),
            ("id,time,event\na,1,1\nb,1,1\na,1,1\n", "SUR-0020", "line 4: expected the id of another slide"),
            ("id,time,event,patient\na,1,1,\n", "SUR-0020", "line 2: expected a patient"),
            ("id,time,event,patient\na,1,1,x y\nb,1,0,z\nc,1,0,x y\n", "SUR-0021", "found others in lines 2 and 4"),
            ("id,time,event,patient\na,1,1,x y\nb,2,1,x y\n", "SUR-0021", "lines 2 and 3"),
        ] {
            let error = OutcomeTable::parse(table.as_bytes(), "months").unwrap_err();
            assert_eq!((error.code(), error.kind()), (code, ErrorKind::Usage), "{table:?}: {error}");
            assert!(error.message().contains(words) && !error.message().contains("x y"), "{table:?}: {error}");
        }
    }

    #[test]
    fn slides_that_there_are_not_are_named() {
        let table = |count: usize| {
            let rows: Vec<String> = (0..count).map(|at| format!("s{at},1,1")).collect();
            OutcomeTable::parse(format!("id,time,event\n{}", rows.join("\n")).as_bytes(), "months").unwrap()
        };
        assert!(table(2).of_slides(&["s1", "s0", "s9"]).is_ok());
        let error = table(8).of_slides(&["s1"]).unwrap_err();
        assert_eq!(error.code(), "SUR-0022");
        assert!(error.message().ends_with("found \"s0\", \"s2\", \"s3\", \"s4\", \"s5\" and 2 more"), "{error}");
        let message = table(2).of_slides(&["s1"]).unwrap_err().message().to_owned();
        assert!(message.ends_with("found \"s0\""), "{message}");
    }
}
