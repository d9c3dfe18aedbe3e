//! A CSV → rows of labelled things: files of a manifest, places of slides. One schema for both.
//!
//! Invariant: a column that is named exists once; one that is there is filled in every row, since patients known in part
//! would leak; what a row is about occurs once. What patients, slides and sites are called is in no message.

use crate::dataset::labels;
use crate::dataset::sources::{AnnotationSource, ManifestSource, SlideSource};
use crate::dataset::tiles::{Side, Targets, Tile, Truth};
use crate::error::{Error, ErrorKind, Result};
use csv::StringRecord;
use std::collections::BTreeSet;

/// Which columns a table has.
pub(super) struct Columns<'a> {
    /// What a row is about: these columns together occur once.
    pub key: Vec<&'a str>,
    /// Not asked when there are `values`; without both a row says only whose something is.
    pub label: Option<&'a str>,
    pub values: &'a [String],
    pub patient: Option<&'a str>,
    pub slide: Option<&'a str>,
    pub site: Option<&'a str>,
    pub split: Option<&'a str>,
    pub weight: Option<&'a str>,
}

impl ManifestSource {
    pub(super) fn columns(&self) -> Columns<'_> {
        Columns {
            key: vec![&self.file_column],
            label: Some(&self.label_column),
            values: &self.values,
            patient: self.patient_column.as_deref(),
            slide: self.slide_column.as_deref(),
            site: self.site_column.as_deref(),
            split: self.split_column.as_deref(),
            weight: self.weight_column.as_deref(),
        }
    }
}

impl SlideSource {
    pub(super) fn columns(&self) -> Columns<'_> {
        let slide = self.slide_column.as_deref();
        // One slide for all rows: what a column says of slides is not asked.
        let (key, slide) = if self.slide.as_os_str().is_empty() {
            (vec![slide.unwrap_or("slide"), "x", "y"], Some(slide.unwrap_or("slide")))
        } else {
            (vec!["x", "y"], Some(""))
        };
        Columns {
            key,
            label: Some(&self.label_column),
            values: &self.values,
            patient: self.patient_column.as_deref(),
            slide,
            site: self.site_column.as_deref(),
            split: self.split_column.as_deref(),
            weight: self.weight_column.as_deref(),
        }
    }
}

impl AnnotationSource {
    pub(super) fn columns() -> Columns<'static> {
        Columns {
            key: vec!["slide"],
            label: None,
            values: &[],
            patient: None,
            slide: Some(""),
            site: None,
            split: None,
            weight: None,
        }
    }
}

/// What a row says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Line of the file, from 1.
    pub line: u64,
    /// The cells of the key's columns.
    pub key: Vec<String>,
    pub answer: Answer,
    pub patient: Option<String>,
    pub slide: Option<String>,
    pub site: Option<String>,
    pub side: Option<Side>,
    pub weight: f32,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    Label(String),
    Numbers(Vec<f32>),
}

/// The rows of a table, in its order.
#[derive(Debug)]
pub(super) struct Table {
    pub rows: Vec<Row>,
    pub notes: Vec<String>,
}

pub(super) fn fault(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, "TRN-0206", message)
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`]: `TRN-0206` with the line; `TRN-0210` for a column that is filled in part.
    pub fn parse(table: &[u8], columns: &Columns<'_>) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(table);
        let header = reader.headers().map_err(|error| fault(format!("expected a CSV: {error}")))?.clone();
        let find = Header(&header);
        let key: Vec<usize> = columns.key.iter().map(|name| find.column(name)).collect::<Result<_>>()?;
        let values: Vec<usize> = columns.values.iter().map(|name| find.column(name)).collect::<Result<_>>()?;
        if values.iter().collect::<BTreeSet<_>>().len() < values.len() {
            return Err(fault("values: expected each column once, found one again"));
        }
        let label = columns.label.filter(|_| values.is_empty()).map(|name| find.column(name)).transpose()?;
        let patient = find.optional(columns.patient, "patient")?;
        let slide = find.optional(columns.slide, "slide")?;
        let site = find.optional(columns.site, "site")?;
        let split = find.optional(columns.split, "split")?;
        let weight = find.optional(columns.weight, "weight")?;
        let mut sides = Sides::default();
        let mut seen = BTreeSet::new();
        let mut rows: Vec<Row> = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| fault(format!("expected a row: {error}")))?;
            let line = record.position().map_or(0, csv::Position::line);
            let at_line = |message: String| fault(format!("line {line}: {message}"));
            let cell = |column: usize| record.get(column).unwrap_or_default();
            let number = |column: &usize| {
                let number = cell(*column).parse().ok().filter(|number: &f32| number.is_finite());
                number.ok_or_else(|| at_line(format!("expected a number, found {:?}", cell(*column))))
            };
            let answer = match label {
                Some(column) if cell(column).is_empty() => {
                    return Err(at_line("expected a label, found none".to_owned()));
                }
                Some(column) => Answer::Label(cell(column).to_owned()),
                None => Answer::Numbers(values.iter().map(number).collect::<Result<_>>()?),
            };
            let weight = weight.map_or(Ok(1.0), |column| number(&column))?;
            if weight < 0.0 {
                return Err(at_line(format!("expected a weight of 0 or more, found {weight}")));
            }
            let id = |column: Option<usize>| column.map(|column| cell(column).to_owned()).filter(|id| !id.is_empty());
            let row = Row {
                line,
                key: key.iter().map(|&column| cell(column).to_owned()).collect(),
                answer,
                patient: id(patient),
                slide: id(slide),
                site: id(site),
                side: None,
                weight,
            };
            if row.key.iter().any(String::is_empty) {
                return Err(at_line(format!("expected {}, found none", columns.key.join(" and "))));
            }
            if !seen.insert(row.key.clone()) {
                return Err(at_line(format!("expected each row once, found {} again", row.key.join(", "))));
            }
            if let Some(column) = split {
                sides.add(line, cell(column));
            }
            rows.push(row);
        }
        if rows.is_empty() {
            return Err(fault("expected rows below the header, found none"));
        }
        for (column, of) in [
            (patient, (|row: &Row| row.patient.is_some()) as fn(&Row) -> bool),
            (slide, |row| row.slide.is_some()),
            (site, |row| row.site.is_some()),
        ] {
            filled(column.and_then(|column| header.get(column)), &rows, of)?;
        }
        if rows.iter().all(|row| row.weight == 0.0) {
            return Err(fault("expected a weight above 0 in some row, found 0 in all"));
        }
        let notes = sides.assign(&mut rows)?;
        Ok(Self { rows, notes })
    }

    /// What is asked of the tiles; rows with excluded labels go.
    pub fn targets(&mut self, values: &[String], exclude: &[String]) -> Result<Targets> {
        if !values.is_empty() {
            // A label that is nowhere to be found is misspelt, or meant for other data.
            return labels::classes(exclude, &BTreeSet::new()).map(|_| Targets::Numbers(values.to_vec()));
        }
        let known: BTreeSet<String> = self.rows.iter().filter_map(|row| row.answer.label()).cloned().collect();
        let classes = labels::classes(exclude, &known)?;
        self.rows.retain(|row| row.answer.label().is_some_and(|label| classes.binary_search(label).is_ok()));
        Ok(Targets::Classes(classes))
    }
}

impl Answer {
    fn label(&self) -> Option<&String> {
        if let Self::Label(label) = self { Some(label) } else { None }
    }
}

impl Row {
    /// The tile of this row, which is not read yet. Classes are sorted.
    pub fn into_tile(self, targets: &Targets, name: String) -> Tile {
        let truth = match self.answer {
            Answer::Label(label) => Truth::Class(targets.names().binary_search(&label).unwrap_or_default()),
            Answer::Numbers(numbers) => Truth::Numbers(numbers),
        };
        let Self { patient, slide, site, side, weight, .. } = self;
        Tile { weight, patient, slide, site, side, ..Tile::new(truth, name) }
    }
}

/// Refuses a column that some rows leave empty.
fn filled(name: Option<&str>, rows: &[Row], is_some: fn(&Row) -> bool) -> Result<()> {
    let Some((name, row)) = name.zip(rows.iter().find(|row| !is_some(row))) else { return Ok(()) };
    let empty = rows.iter().filter(|row| !is_some(row)).count();
    let message = format!(
        "column {name}: expected a value in every row, found {empty} without one, the first in line {}",
        row.line
    );
    Err(Error::new(ErrorKind::Usage, "TRN-0210", message).with_advice(format!(
        "what is known of some tiles only cannot keep them apart: fill the column, or do not use it (`{name}_column = \"\"`)"
    )))
}

struct Header<'a>(&'a StringRecord);

impl Header<'_> {
    fn column(&self, name: &str) -> Result<usize> {
        let mut found = self.0.iter().enumerate().filter(|(_, column)| *column == name).map(|(at, _)| at);
        match (found.next(), found.next()) {
            (Some(at), None) => Ok(at),
            (Some(_), Some(_)) => Err(fault(format!("expected one column {name}, found two"))),
            _ => {
                let names: Vec<&str> = self.0.iter().take(labels::LISTED).collect();
                let more = if self.0.len() > labels::LISTED { ", ..." } else { "" };
                let message = format!("expected a column {name}, found {}{more}", names.join(", "));
                Err(fault(message)
                    .with_advice("columns are separated by commas, and their names are in the first line"))
            }
        }
    }

    /// A column that need not be there unless it was named; `""` asks for none.
    fn optional(&self, named: Option<&str>, usual: &str) -> Result<Option<usize>> {
        match named {
            Some("") => Ok(None),
            Some(name) => self.column(name).map(Some),
            None if self.0.iter().any(|column| column == usual) => self.column(usual).map(Some),
            None => Ok(None),
        }
    }
}

/// The column `split`, row by row.
#[derive(Default)]
struct Sides(Vec<(u64, String)>);

impl Sides {
    fn add(&mut self, line: u64, cell: &str) {
        self.0.push((line, cell.to_owned()));
    }

    /// Writes the sides into the rows, unless one word stands in all of them.
    fn assign(self, rows: &mut [Row]) -> Result<Vec<String>> {
        let Some((_, first)) = self.0.first() else { return Ok(Vec::new()) };
        if self.0.iter().all(|(_, word)| word == first) {
            let note = format!("the split column says {first:?} of every tile, so it is not obeyed");
            return Ok(vec![note]);
        }
        for (row, (line, word)) in rows.iter_mut().zip(self.0) {
            row.side = Some(match word.to_ascii_lowercase().as_str() {
                "train" => Side::Train,
                "validation" | "val" => Side::Validation,
                "test" => Side::Test,
                _ => {
                    let message =
                        format!("line {line}: expected a split of train, validation (or val), test; found {word:?}");
                    return Err(fault(message).with_advice(
                        "change the words in the table, or let eosin divide the tiles (`split_column = \"\"`)",
                    ));
                }
            });
        }
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(table: &str) -> Result<Table> {
        Table::parse(table.as_bytes(), &ManifestSource::default().columns())
    }

    #[test]
    fn a_manifest_is_read_by_the_names_of_its_columns() {
        let source = ManifestSource {
            label_column: "idc".to_owned(),
            patient_column: Some("case".to_owned()),
            ..ManifestSource::default()
        };
        let table = "\u{feff}file, idc ,case,x,weight,split\na.png,1,p 1,7,2,train\n\"b,c.png\",0,p2,8,0,VAL\n";
        let rows = Table::parse(table.as_bytes(), &source.columns()).unwrap().rows;
        assert_eq!((rows[1].key[0].as_str(), rows[1].line), ("b,c.png", 3));
        assert_eq!((rows[0].patient.as_deref(), rows[0].weight), (Some("p 1"), 2.0));
        assert_eq!((rows[0].side, rows[1].side), (Some(Side::Train), Some(Side::Validation)));
        let source = ManifestSource { values: vec!["x".to_owned(), "weight".to_owned()], ..source };
        let rows = Table::parse(table.as_bytes(), &source.columns()).unwrap().rows;
        assert_eq!(rows[0].answer, Answer::Numbers(vec![7.0, 2.0]));
    }

    #[test]
    fn a_split_that_divides_nothing_is_noted_and_not_obeyed() {
        let table = manifest("file,label,split\na,x,dev\nb,y,dev\n").unwrap();
        assert!(table.rows.iter().all(|row| row.side.is_none()));
        assert_eq!(table.notes, ["the split column says \"dev\" of every tile, so it is not obeyed"]);
        let source = ManifestSource { split_column: Some(String::new()), ..ManifestSource::default() };
        assert!(Table::parse(b"file,label,split\na,x,dev\nb,y,other\n", &source.columns()).unwrap().notes.is_empty());
    }

    #[test]
    fn manifests_that_cannot_be_trusted_are_refused_with_their_line() {
        for (table, code, part) in [
            ("", "TRN-0206", "column file"),
            ("file,label\n", "TRN-0206", "rows below the header"),
            ("file;label\na;x\n", "TRN-0206", "found file;label"),
            ("file,label,label\na,x,y\n", "TRN-0206", "one column label, found two"),
            ("file,label\na\n", "TRN-0206", "line: 2"),
            ("file,label\na,x\nb,\n", "TRN-0206", "line 3: expected a label"),
            ("file,label\na,x\n,y\n", "TRN-0206", "line 3: expected file"),
            ("file,label\na,x\nb,x\na,y\n", "TRN-0206", "line 4: expected each row once, found a again"),
            ("file,label,patient\na,x,1\nb,x,\nc,x, \n", "TRN-0210", "found 2 without one, the first in line 3"),
            ("file,label,slide\na,x,\nb,x,1\n", "TRN-0210", "column slide"),
            ("file,label,site\na,x,\nb,x,1\n", "TRN-0210", "column site"),
            ("file,label,weight\na,x,\n", "TRN-0206", "line 2: expected a number"),
            ("file,label,weight\na,x,-1\n", "TRN-0206", "line 2: expected a weight"),
            ("file,label,weight\na,x,nan\n", "TRN-0206", "line 2: expected a number"),
            ("file,label,weight\na,x,0\nb,x,0\n", "TRN-0206", "found 0 in all"),
            ("file,label,split\na,x,train\nb,x,dev\n", "TRN-0206", "line 3: expected a split of train, validation"),
            ("file,label,split\na,x,train\nb,x,\n", "TRN-0206", "found \"\""),
        ] {
            let error = manifest(table).unwrap_err();
            assert!(error.code() == code && error.message().contains(part), "{table:?}: {error}");
        }
        let bytes = b"file,label\n\xff,x\n";
        assert_eq!(Table::parse(bytes, &ManifestSource::default().columns()).unwrap_err().code(), "TRN-0206");
        let source = ManifestSource { values: ["a", "a"].map(str::to_owned).to_vec(), ..ManifestSource::default() };
        assert_eq!(Table::parse(b"file,a\nx,1\n", &source.columns()).unwrap_err().code(), "TRN-0206");
        let source = ManifestSource { patient_column: Some("case".to_owned()), ..ManifestSource::default() };
        let error = Table::parse(b"file,label\na,x\n", &source.columns()).unwrap_err();
        assert_eq!(error.message(), "expected a column case, found file, label");
    }
}
