//! The first thing that a user runs: a slide, the bundled model, a map, and how far it is from the truth.

use crate::workplace::{Workplace, results_of, with_summary};

#[test]
fn the_demo_writes_all_outputs_and_its_map_is_near_the_truth() {
    let here = Workplace::new();
    let said = here.run(&["demo", "--device", "cpu", "--out", "out"]);
    assert_eq!(said.code, Some(0), "{:#?}", said.lines);
    assert_eq!(here.files("out"), with_summary(&[vec!["demo.svs".to_string()], results_of("demo")]));
    for name in here.files("out").iter().filter(|name| *name != "demo.svs") {
        assert!(said.out.contains(name.rsplit('/').next().unwrap()), "{name} is not named in {}", said.out);
    }
    assert!(said.out.contains("research use only") || said.out.contains("Research use only"), "{}", said.out);
    let all = said.out.lines().find_map(|line| line.strip_prefix("all ")).unwrap().trim();
    let (right, pure) = all.split_once(" of ").unwrap();
    let (right, pure): (u32, u32) = (right.parse().unwrap(), pure.parse().unwrap());
    // Two of five classes have hardly any tiles to learn from; chance would be one in five.
    assert!(pure >= 50 && right * 10 >= pure * 8, "{all}");

    let said = here.run(&["demo", "--device", "cpu", "--out", "out", "--quiet"]);
    assert_eq!((said.code, said.out.as_str(), said.lines.len()), (Some(0), "", 0), "{:#?}", said.lines);
}
