//! Predictions become `model-outputs-csv/ID.csv` as WSInfer 0.6 writes it: one row per tile in the order of the plan.
//!
//! Coordinates are level-0 pixels, origin top-left; a box may reach over the slide's edges. A lost tile keeps its box
//! and has empty scores; a slide without tissue has the header only. Spreadsheets can take no cell for a formula: names
//! follow `prob_`, or `value_` for estimated numbers, everything else is a number. Scores are the shortest decimals that read back as the same `f32`.

use super::SlideOutputs;
use crate::map::finite_scores;
use std::io::{self, Write};

/// Writes the table.
pub(super) fn write(outputs: &SlideOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    let classes = &outputs.predictions.class_names;
    let meaning = &outputs.predictions.meaning;
    let mut table = csv::Writer::from_writer(out);
    let boxes = ["minx", "miny", "width", "height"].map(String::from);
    table.write_record(
        boxes.into_iter().chain(classes.iter().zip(0..).map(|(name, column)| meaning.head(name, column))),
    )?;
    for (index, row) in outputs.predictions.rows.iter().enumerate() {
        let tile = outputs.plan.rect_l0(index);
        let place = [tile.x.to_string(), tile.y.to_string(), tile.w.to_string(), tile.h.to_string()];
        table.write_record(match finite_scores(row.as_deref()) {
            // Debug and not Display: 1e-10 instead of ten zeros.
            Some(scores) => {
                place.into_iter().chain(scores.iter().map(|score| format!("{score:?}"))).collect::<Vec<_>>()
            }
            None => place.into_iter().chain(classes.iter().map(|_| String::new())).collect(),
        })?;
    }
    table.flush()
}

#[cfg(test)]
mod tests {
    use super::super::tests::example;
    use super::*;

    #[test]
    fn what_is_written_reads_back_the_same() {
        let names = ["a,b", "say \"x\"", "two\nlines", "=cmd()"];
        let scores = [0.1_f32, 1e-10, 0.952_596_55, f32::MIN_POSITIVE];
        let example = example(&names, &[Some(&scores), None, Some(&[0.25, f32::NAN, 0.5, f32::INFINITY])]);
        let mut bytes = Vec::new();
        write(&example.outputs(), &mut bytes).unwrap();
        let mut table = csv::Reader::from_reader(&bytes[..]);
        let header: Vec<String> = table.headers().unwrap().iter().map(String::from).collect();
        assert_eq!(header[..4], ["minx", "miny", "width", "height"]);
        assert_eq!(header[4..], names.map(|name| format!("prob_{name}")));
        let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
        assert_eq!(rows[0].iter().take(4).collect::<Vec<_>>(), ["0", "0", "256", "256"]);
        assert_eq!(rows[0].iter().skip(4).map(|cell| cell.parse::<f32>().unwrap()).collect::<Vec<_>>(), scores);
        for lost in &rows[1..] {
            assert!(lost.iter().skip(4).all(str::is_empty), "{lost:?}");
        }
    }

    #[test]
    fn a_plain_table_has_the_published_shape() {
        let example = example(&["Other", "Tumor"], &[Some(&[0.75, 0.25]), None, Some(&[0.0, 1.0])]);
        let mut bytes = Vec::new();
        write(&example.outputs(), &mut bytes).unwrap();
        let expected = "minx,miny,width,height,prob_Other,prob_Tumor\n0,0,256,256,0.75,0.25\n0,256,256,256,,\n\
                        256,256,256,256,0.0,1.0\n";
        assert_eq!(String::from_utf8(bytes).unwrap(), expected);
    }
}
