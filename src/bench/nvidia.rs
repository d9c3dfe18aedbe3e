//! What NVIDIA's program `nvidia-smi` says of the cards.

use super::answer_of::answer_of;
use std::ffi::OsStr;

/// The program, looked for where programs are.
pub(super) const NVIDIA_SMI: &str = "nvidia-smi";

/// One card.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Card {
    /// Its place on the PCI bus, as this program writes it: `00000000:01:00.0`.
    pub place: String,
    /// Its name, as its Vulkan driver says it, too.
    pub name: String,
    /// Version of its driver, such as `570.86.15`.
    pub driver: String,
    /// Clock of its multiprocessors, MHz.
    pub clock_mhz: Option<f64>,
}

/// All cards; none where the program is missing, fails, or takes too long.
pub(super) fn cards(program: &OsStr) -> Vec<Card> {
    let args = ["--query-gpu=pci.bus_id,name,driver_version,clocks.sm", "--format=csv,noheader,nounits"];
    parse(&answer_of(program, &args).unwrap_or_default())
}

/// The card at a place on the bus or, where that is not known, the only one of a name.
pub(super) fn find<'a>(cards: &'a [Card], name: &str, pci: Option<&str>) -> Option<&'a Card> {
    // Domains have four digits elsewhere, and eight here.
    let fits = |card: &&Card| pci.map_or(card.name == name, |pci| card.place.to_ascii_lowercase().ends_with(pci));
    let mut fitting = cards.iter().filter(fits);
    fitting.next().filter(|_| fitting.next().is_none())
}

fn parse(text: &str) -> Vec<Card> {
    let card = |line: &str| {
        let mut fields = line.split(',').map(str::trim);
        let mut field = || fields.next().map(str::to_string);
        let (place, name, driver, clock) = (field()?, field()?, field()?, field()?);
        field().is_none().then(|| Card { place, name, driver, clock_mhz: clock.parse().ok() })
    };
    text.lines().filter_map(card).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_ALIKE_AND_ONE: &str = "00000000:17:00.0, NVIDIA RTX A6000, 550.54.15, 1800\n\
        00000000:65:00.0, NVIDIA RTX A6000, 550.54.15, 210\n\
        00000001:CA:00.0, NVIDIA T400 4GB, 550.54.15, [N/A]\n";

    #[test]
    fn cards_are_found_by_place_or_by_a_name_that_only_one_has() {
        let cards = parse(TWO_ALIKE_AND_ONE);
        let clock = |name, pci| find(&cards, name, pci).map(|card| card.clock_mhz);
        assert_eq!(clock("NVIDIA RTX A6000", Some("0000:65:00.0")), Some(Some(210.0)));
        assert_eq!(clock("NVIDIA RTX A6000", None), None);
        assert_eq!(clock("NVIDIA T400 4GB", None), Some(None));
        assert_eq!(clock("NVIDIA T400 4GB", Some("0001:ca:00.0")), Some(None));
        assert_eq!(clock("NVIDIA T400 4GB", Some("0000:ca:00.0")), None);
        assert_eq!(clock("llvmpipe (LLVM 15.0.6, 256 bits)", None), None);
    }

    #[test]
    fn a_driver_that_does_not_answer_has_no_cards() {
        let broken = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the \
                      latest NVIDIA driver is installed and running.\n";
        assert_eq!(parse(broken), []);
        assert_eq!(parse("No devices were found\n"), []);
    }
}
