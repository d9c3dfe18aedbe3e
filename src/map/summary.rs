//! A map becomes a few numbers per class: area, share of the scored area, mean score.
//!
//! Invariant: areas are summed over grid cells clipped to the slide's edge, so overlapping tiles never count twice.

use super::{BiomarkerMap, Cell};
use serde::{Deserialize, Serialize};

/// What a map says about one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassSummary {
    /// Name of the class, the finding or the estimated number.
    pub name: String,
    /// Unit of an estimated number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Area in which this class is present, mm²: by its threshold, or where its score is the largest, of findings by the
    /// threshold 0.5; areas by thresholds may overlap. None of an estimate without threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area_mm2: Option<f64>,
    /// That area as a share of the scored area, 0 to 1; 0 when nothing was scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fraction: Option<f64>,
    /// Mean score over the scored area, weighted by area; none when nothing was scored.
    pub mean: Option<f64>,
}

/// What a map says about a slide.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MapSummary {
    /// Area of all scored cells, mm².
    pub scored_mm2: f64,
    /// Area of all failed cells, mm².
    pub failed_mm2: f64,
    /// One entry per class, in the order of the scores.
    pub classes: Vec<ClassSummary>,
}

impl MapSummary {
    /// Sums up a map.
    pub fn of(map: &BiomarkerMap) -> Self {
        let classes = map.class_names().len();
        let mm2_per_px = (map.mpp().get() / 1000.0).powi(2);
        let (mut scored_px, mut failed_px) = (0_u64, 0_u64);
        let mut decided_px = vec![0_u64; classes];
        let mut weighted = vec![0.0_f64; classes];
        for (col, row, cell) in map.cells() {
            let Some(rect) = map.rect_l0(col, row) else { continue };
            let area_px = u64::from(rect.w) * u64::from(rect.h);
            match cell {
                Cell::NoTissue => {}
                Cell::Failed => failed_px += area_px,
                Cell::Scored(scores) => {
                    scored_px += area_px;
                    weighted.iter_mut().zip(scores).for_each(|(sum, &score)| *sum += f64::from(score) * area_px as f64);
                    for (class, decided) in decided_px.iter_mut().enumerate() {
                        *decided += if map.is_present(scores, class) { area_px } else { 0 };
                    }
                }
            }
        }
        let share = |value: f64| if scored_px == 0 { 0.0 } else { value / scored_px as f64 };
        let classes = map.class_names().iter().zip(decided_px).zip(weighted).enumerate();
        let classes = classes.map(|(class, ((name, px), weighted))| ClassSummary {
            name: name.clone(),
            unit: map.meaning().unit(class).map(ToOwned::to_owned),
            area_mm2: map.can_be_present(class).then_some(px as f64 * mm2_per_px),
            fraction: map.can_be_present(class).then(|| share(px as f64)),
            mean: (scored_px > 0).then(|| share(weighted)),
        });
        Self {
            scored_mm2: scored_px as f64 * mm2_per_px,
            failed_mm2: failed_px as f64 * mm2_per_px,
            classes: classes.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{plan, predictions};
    use super::*;
    use crate::tile::Meaning;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn areas_are_clipped_to_the_slide_and_add_up() {
        // Two whole tiles of 256 px and one clipped to 232 x 188 at 0.5 um/px: a pixel is 0.25e-6 mm2.
        let plan = plan(256, 256, &[(0, 0), (0, 256), (768, 512), (256, 0)]);
        let rows = [Some(&[0.9_f32, 0.1][..]), Some(&[0.2, 0.8]), Some(&[0.4, 0.6]), None];
        let summary = MapSummary::of(&BiomarkerMap::new(&plan, &predictions(&["a", "b"], &rows)).unwrap());
        let (whole, clipped) = (65536.0 * 0.25e-6, 232.0 * 188.0 * 0.25e-6);
        assert!(close(summary.scored_mm2, 2.0 * whole + clipped) && close(summary.failed_mm2, whole));
        let [a, b] = &summary.classes[..] else { panic!("two classes") };
        assert!(close(a.area_mm2.unwrap(), whole) && close(b.area_mm2.unwrap(), whole + clipped));
        assert!(close(a.fraction.unwrap() + b.fraction.unwrap(), 1.0));
        assert!((a.mean.unwrap() + b.mean.unwrap() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn overlap_does_not_count_area_twice() {
        let origins: Vec<(i64, i64)> = (0..20).flat_map(|x| (0..14).map(move |y| (x * 50, y * 50))).collect();
        let rows = vec![Some(&[0.7_f32][..]); origins.len()];
        let map = BiomarkerMap::new(&plan(200, 50, &origins), &predictions(&["p"], &rows)).unwrap();
        let summary = MapSummary::of(&map);
        assert!(close(summary.scored_mm2, 1000.0 * 700.0 * 0.25e-6), "{}", summary.scored_mm2);
        assert!(close(summary.classes[0].fraction.unwrap(), 1.0));
    }

    #[test]
    fn a_slide_without_tissue_has_zeros_and_no_nan() {
        let summary = MapSummary::of(&BiomarkerMap::new(&plan(256, 256, &[]), &predictions(&["p"], &[])).unwrap());
        let class = ClassSummary { name: "p".into(), unit: None, area_mm2: Some(0.0), fraction: Some(0.0), mean: None };
        assert_eq!(summary, MapSummary { scored_mm2: 0.0, failed_mm2: 0.0, classes: vec![class] });
    }

    #[test]
    fn findings_may_overlap_and_estimates_have_no_area() {
        let plan = plan(256, 256, &[(0, 0), (0, 256)]);
        let of = |meaning: Meaning| {
            let rows = [Some(&[0.9_f32, 0.6][..]), Some(&[0.2, 0.1])];
            let predictions = crate::tile::Predictions { meaning, ..predictions(&["a", "b"], &rows) };
            MapSummary::of(&BiomarkerMap::new(&plan, &predictions).unwrap()).classes
        };
        let findings = of(Meaning::Findings);
        assert!(findings.iter().all(|finding| close(finding.fraction.unwrap(), 0.5)), "{findings:?}");
        let estimates = of(Meaning::Estimates(vec![Some("cells/mm2".into()), None]));
        assert_eq!((estimates[0].area_mm2, estimates[0].unit.as_deref()), (None, Some("cells/mm2")));
        assert!((estimates[0].mean.unwrap() - 0.55).abs() < 1e-6 && estimates[1].fraction.is_none());
    }

    #[test]
    fn a_class_with_a_threshold_has_the_area_where_it_is_present() {
        let plan = plan(256, 256, &[(0, 0), (0, 256)]);
        let of = |meaning: Meaning, thresholds: [Option<f32>; 2]| {
            let rows = [Some(&[0.7_f32, 0.3][..]), Some(&[0.4, 0.6])];
            let predictions = crate::tile::Predictions { meaning, ..predictions(&["a", "b"], &rows) };
            let map = BiomarkerMap::new(&plan, &predictions).unwrap().with_thresholds(thresholds.to_vec());
            let summary = MapSummary::of(&map);
            [0, 1].map(|class| summary.classes[class].fraction)
        };
        assert_eq!(of(Meaning::Classes, [Some(0.4), None]), [Some(1.0), Some(0.5)], "areas overlap");
        assert_eq!(of(Meaning::Classes, [Some(0.71), Some(0.61)]), [Some(0.0); 2]);
        assert_eq!(of(Meaning::Findings, [Some(0.8), None]), [Some(0.0), Some(0.5)]);
        assert_eq!(of(Meaning::Estimates(vec![]), [None, Some(0.3)]), [None, Some(1.0)]);
    }
}
