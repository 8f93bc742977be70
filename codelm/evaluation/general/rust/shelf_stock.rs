//! Stock keeping for a small warehouse. State is never edited in place: every change is an [`Event`],
//! and [`Stock`] is what remains after replaying them.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// Article number, printed as on the label: `AB-00042`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sku {
    family: [u8; 2],
    serial: u32,
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b] = self.family.map(char::from);
        write!(f, "{a}{b}-{:05}", self.serial)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct BadSku(String);

impl FromStr for Sku {
    type Err = BadSku;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bad = || BadSku(s.to_owned());
        let (family, serial) = s.split_once('-').ok_or_else(bad)?;
        let family: [u8; 2] = family.as_bytes().try_into().map_err(|_| bad())?;
        if !family.iter().all(u8::is_ascii_uppercase) || serial.len() != 5 {
            return Err(bad());
        }
        Ok(Sku { family, serial: serial.parse().map_err(|_| bad())? })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Received { sku: Sku, quantity: NonZeroU32, shelf: String },
    Reserved { sku: Sku, quantity: NonZeroU32, order: u64 },
    Shipped { order: u64 },
    Cancelled { order: u64 },
    Counted { sku: Sku, shelf: String, found: u32 },
}

#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    NotEnough { sku: Sku, free: u32, wanted: u32 },
    UnknownOrder(u64),
    DuplicateOrder(u64),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotEnough { sku, free, wanted } => write!(f, "{sku}: {wanted} wanted but only {free} free"),
            Self::UnknownOrder(order) => write!(f, "order #{order} has no reservation"),
            Self::DuplicateOrder(order) => write!(f, "order #{order} was reserved before"),
        }
    }
}

impl Error for Rejection {}

#[derive(Debug, Default)]
pub struct Stock {
    shelves: BTreeMap<(Sku, String), u32>,
    reservations: BTreeMap<u64, (Sku, u32)>,
    history: Vec<Event>,
}

impl Stock {
    pub fn replay<I: IntoIterator<Item = Event>>(events: I) -> Result<Self, Rejection> {
        let mut stock = Self::default();
        for event in events {
            stock.apply(event)?;
        }
        Ok(stock)
    }

    pub fn on_hand(&self, sku: Sku) -> u32 {
        self.places(sku).map(|(_, quantity)| quantity).sum()
    }

    pub fn free(&self, sku: Sku) -> u32 {
        let held: u32 = self.reservations.values().filter(|(s, _)| *s == sku).map(|(_, q)| q).sum();
        self.on_hand(sku).saturating_sub(held)
    }

    fn places(&self, sku: Sku) -> impl Iterator<Item = (&str, u32)> + '_ {
        self.shelves
            .range((sku, String::new())..)
            .take_while(move |((s, _), _)| *s == sku)
            .map(|((_, shelf), quantity)| (shelf.as_str(), *quantity))
    }

    /// Checks an event against the present state, then records it. A rejected event leaves no trace.
    pub fn apply(&mut self, event: Event) -> Result<(), Rejection> {
        match &event {
            Event::Received { sku, quantity, shelf } => {
                *self.shelves.entry((*sku, shelf.clone())).or_insert(0) += quantity.get();
            }
            Event::Counted { sku, shelf, found } => {
                self.shelves.insert((*sku, shelf.clone()), *found);
            }
            &Event::Reserved { sku, quantity, order } => {
                if self.reservations.contains_key(&order) {
                    return Err(Rejection::DuplicateOrder(order));
                }
                let free = self.free(sku);
                if quantity.get() > free {
                    return Err(Rejection::NotEnough { sku, free, wanted: quantity.get() });
                }
                self.reservations.insert(order, (sku, quantity.get()));
            }
            Event::Cancelled { order } => {
                self.reservations.remove(order).ok_or(Rejection::UnknownOrder(*order))?;
            }
            Event::Shipped { order } => {
                let (sku, quantity) = self.reservations.remove(order).ok_or(Rejection::UnknownOrder(*order))?;
                self.pick(sku, quantity);
            }
        }
        self.history.push(event);
        Ok(())
    }

    /// Empties the fullest shelves last, so that half-empty ones become free.
    fn pick(&mut self, sku: Sku, mut wanted: u32) {
        let mut order: Vec<_> = self.places(sku).map(|(shelf, n)| (n, shelf.to_owned())).collect();
        order.sort();
        for (available, shelf) in order {
            let taken = available.min(wanted);
            wanted -= taken;
            if let Some(left) = self.shelves.get_mut(&(sku, shelf)) {
                *left -= taken;
            }
        }
        self.shelves.retain(|_, quantity| *quantity > 0);
    }

    pub fn below(&self, minimum: u32) -> BTreeSet<Sku> {
        self.shelves.keys().map(|(sku, _)| *sku).filter(|&sku| self.free(sku) < minimum).collect()
    }
}

#[test]
fn ships_from_the_emptiest_shelf_first() -> Result<(), Box<dyn Error>> {
    let sku: Sku = "LM-00007".parse().map_err(|BadSku(s)| s)?;
    let n = |n| NonZeroU32::new(n).unwrap();
    let mut stock = Stock::replay([
        Event::Received { sku, quantity: n(10), shelf: "A1".into() },
        Event::Received { sku, quantity: n(2), shelf: "B4".into() },
        Event::Reserved { sku, quantity: n(3), order: 1 },
    ])?;
    assert_eq!((stock.on_hand(sku), stock.free(sku)), (12, 9));
    stock.apply(Event::Shipped { order: 1 })?;
    assert_eq!(stock.places(sku).collect::<Vec<_>>(), [("A1", 9)]);
    let refused = stock.apply(Event::Reserved { sku, quantity: n(10), order: 2 });
    assert_eq!(refused.unwrap_err().to_string(), "LM-00007: 10 wanted but only 9 free");
    assert_eq!(stock.below(10).len(), 1);
    Ok(())
}
