//! Tiles become `tiles/ID.csv`: places in pixels and in micrometres, state and scores; the table for statistics.
//!
//! Columns are those of `tiles.rs`. A lost tile has empty scores; a slide without tissue has the header only. Beside it
//! `model-outputs-csv/ID.csv` stays as WSInfer has it. Numbers are the shortest decimals that read back the same.

use super::MapOutputs;
use super::tiles::{HEADS, class_heads, rows};
use std::io::{self, Write};

/// Writes the table.
pub(super) fn write(outputs: &MapOutputs<'_>, out: &mut dyn Write) -> io::Result<()> {
    let heads = class_heads(outputs);
    let mut table = csv::Writer::from_writer(out);
    table.write_record(HEADS.into_iter().chain(heads.iter().map(String::as_str)))?;
    for row in rows(outputs) {
        let place_l0 = [row.rect_l0.x.to_string(), row.rect_l0.y.to_string(), row.rect_l0.w.to_string()];
        let place_um = [row.x_um, row.y_um, row.side_um].map(|um| um.to_string());
        // Debug and not Display: 1e-10 instead of ten zeros.
        let score = |class: usize| row.scores.map_or_else(String::new, |scores| format!("{:?}", scores[class]));
        let cells = place_l0.into_iter().chain(place_um).chain([row.state().to_owned()]);
        table.write_record(cells.chain((0..heads.len()).map(score)))?;
    }
    table.flush()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{example, example_of};
    use super::*;
    use crate::tile::Meaning;

    fn text(outputs: &MapOutputs<'_>) -> String {
        let mut bytes = Vec::new();
        write(outputs, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn places_are_centres_in_micrometres_and_lost_tiles_have_no_scores() {
        let example = example(&["Tumor", "=cmd()"], &[Some(&[0.25, 1e-10]), None, Some(&[1.0, f32::NAN])]);
        let expected = "x_l0,y_l0,side_l0,x_um,y_um,side_um,state,prob_Tumor,prob_=cmd()\n\
            0,0,256,64,64,128,scored,0.25,1e-10\n\
            0,256,256,64,192,128,failed,,\n\
            256,256,256,192,192,128,failed,,\n";
        assert_eq!(text(&example.map_outputs()), expected);
    }

    #[test]
    fn a_slide_without_tissue_has_the_header_and_numbers_have_their_unit() {
        let example = example_of(Meaning::Estimates(vec![Some("cells/mm2".into())]), &["Ki67"], &[]);
        assert_eq!(text(&example.map_outputs()), "x_l0,y_l0,side_l0,x_um,y_um,side_um,state,value_Ki67 [cells/mm2]\n");
    }
}
