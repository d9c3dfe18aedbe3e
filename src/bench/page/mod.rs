//! A record → the page that people read: warnings first, then each model in figures and tables, where the time goes, how far
//! outputs differ, what is absent and why, and how steady the machine was.
//!
//! Nothing is worked out here. Cells stand in the record's order everywhere, in the colour of their device.

mod charts;
mod facts;
mod tables;

use super::names::fastest;
use super::record::{BenchRecord, Cell};
use super::words;
use crate::error::Result;
use crate::report::{self, Note, Page, Part, Section, Table};

/// What is said where there is no figure, such as the ratio of the first cell to itself.
const NONE: &str = "none";

/// The page as HTML.
///
/// # Errors
/// Those of putting it together.
pub fn page(record: &BenchRecord) -> Result<String> {
    let models = record.models();
    let mut sections = vec![section("What was measured", measured(record, &models))];
    sections.extend(models.iter().map(|(model, cells)| section(model, of_model(record, cells))));
    sections.extend(some("Where the time goes", charts::stages(&models)));
    sections.extend(some("Whole programs", tables::runs(&record.runs)));
    sections.extend(some("How far outputs differ", tables::parity(&models)));
    sections.extend(some("What could not be measured", absent(record)));
    sections.push(section("How steady the machine was", charts::pace(&record.pace)));
    sections.push(section("What it ran on", facts::machine(record)));
    let title = format!("Speed of {}", models.iter().map(|model| model.0).collect::<Vec<_>>().join(", "));
    Page { title: if models.is_empty() { "Bench".to_owned() } else { title }, sections }.html()
}

fn section(heading: &str, parts: Vec<Part>) -> Section {
    Section { heading: heading.to_owned(), parts }
}

fn some(heading: &str, parts: Vec<Part>) -> Option<Section> {
    (!parts.is_empty()).then(|| section(heading, parts))
}

/// Warnings, the rest of what there is to say, and what was measured on what.
fn measured(record: &BenchRecord, models: &[(&str, Vec<&Cell>)]) -> Vec<Part> {
    let (warnings, others): (Vec<Note>, Vec<Note>) =
        record.notes.iter().map(|note| Note::of(note)).partition(|note| note.warning);
    let notes: Vec<Note> = warnings.into_iter().chain(others).collect();
    let text = "Speed, cost and agreement of programs on the same tiles. This is no medical result: nothing here tells how \
                right a model is about tissue.";
    let mut parts = vec![Part::Text(text.to_owned())];
    parts.extend((!notes.is_empty()).then_some(Part::Notes(notes)));
    parts.push(Part::Facts(facts::headline(record, models)));
    parts
}

/// Figures and tables of a model.
fn of_model(record: &BenchRecord, cells: &[&Cell]) -> Vec<Part> {
    let Some((first, best)) = cells.first().zip(fastest(cells)) else { return Vec::new() };
    let times = best.ratio.as_ref().map(|ratio| format!(", {} times {}", words::digits(ratio.median), first.name()));
    let text = format!(
        "{}, which sees {} px. The fastest is {} with {} tiles/s{}. A name says device, type of numbers and batch: b16 is 16 \
         tiles at once. Bars are medians of {} rounds; whiskers and brackets reach from the lowest round to the highest. \
         Colours tell devices; other programs than this one are paler.",
        first.architecture,
        first.input_px,
        best.name(),
        words::digits(best.network.median),
        times.unwrap_or_default(),
        record.settings.all_rounds(),
    );
    let mut parts = vec![Part::Text(text), Part::Figures(charts::of_model(cells))];
    parts.extend(tables::of_model(cells));
    parts
}

fn absent(record: &BenchRecord) -> Vec<Part> {
    let rows: Vec<_> = record
        .absent
        .iter()
        .map(|absent| (report::Cell::text(&absent.what), vec![report::Cell::text(&absent.why)]))
        .collect();
    let head = ["What", "Why"].map(str::to_owned).to_vec();
    let table = Table { caption: "Asked for, but absent above".to_owned(), head, rows, ..Table::default() };
    if table.rows.is_empty() { Vec::new() } else { vec![Part::Table(table)] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::sample_record::{ODD, record};
    use crate::bench::{Machine, Pace, Settings};

    fn texts(page: &str) -> String {
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        let document = roxmltree::Document::parse_with_options(page, options).unwrap();
        document.descendants().filter_map(|node| node.text()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_page_is_well_formed_and_says_all_reasons_and_warnings() {
        let record = record();
        let html = page(&record).unwrap();
        assert_eq!(html, page(&record).unwrap());
        let read = texts(&html);
        for absent in &record.absent {
            assert!(read.contains(&absent.what) && read.contains(&absent.why), "{}", absent.why);
        }
        for cell in &record.cells {
            assert!(read.contains(&cell.name()) && read.contains(&cell.model), "{}", cell.name());
        }
        assert!(html.contains("no medical result") && html.contains("Research use only, not for diagnosis."));
        assert!(html.find("Warning:").unwrap() < html.find("<dl>").unwrap(), "warnings come first");
        assert!(!html.contains("NaN") && !html.contains("libcuda.so>"), "escaped");
    }

    #[test]
    fn odd_and_empty_records_are_pages_still() {
        let mut odd = record();
        for cell in &mut odd.cells {
            for text in [&mut cell.model, &mut cell.architecture, &mut cell.device, &mut cell.device_name] {
                ODD.clone_into(text);
            }
            for text in [&mut cell.program, &mut cell.backend, &mut cell.dtype, &mut cell.setting] {
                *text = "</svg>\u{1b}[31m&".to_owned();
            }
            cell.network.median = 0.0;
        }
        odd.notes.push(ODD.to_owned());
        assert!(texts(&page(&odd).unwrap()).contains(ODD));
        let empty = BenchRecord {
            cells: Vec::new(),
            absent: Vec::new(),
            notes: Vec::new(),
            machine: Machine::default(),
            pace: Pace::default(),
            settings: Settings::default(),
            ..record()
        };
        assert!(texts(&page(&empty).unwrap()).contains("Bench"));
    }

    #[test]
    fn what_was_not_measured_is_said_and_no_column_is_empty() {
        let mut record = record();
        let read = texts(&page(&record).unwrap());
        assert!(page(&record).unwrap().contains("<td class=\"number\">none</td>") && read.contains("Energy [J/tile]"));
        record.cells.iter_mut().for_each(|cell| cell.energy = None);
        assert!(!texts(&page(&record).unwrap()).contains("Energy [J/tile]"));
    }
}
