// Physical quantities whose dimension is part of the type: adding metres to seconds does not compile.

use core::marker::PhantomData;
use core::ops::{Add, Div, Mul, Neg, Sub};

/// Exponents of length, time and mass.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Dim<const L: i8, const T: i8, const M: i8>;

#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Quantity<D> {
    si: f64,
    dim: PhantomData<D>,
}

macro_rules! dimensions {
    ($($(#[$doc:meta])* $name:ident = [$l:literal, $t:literal, $m:literal] in $($unit:ident * $factor:expr),+;)*) => {$(
        $(#[$doc])*
        pub type $name = Quantity<Dim<$l, $t, $m>>;

        impl $name {
            $(
                pub const fn $unit(value: f64) -> Self {
                    Self { si: value * $factor, dim: PhantomData }
                }
            )+
        }
    )*};
}

dimensions! {
    Length = [1, 0, 0] in metres * 1.0, kilometres * 1e3, inches * 0.0254;
    Time = [0, 1, 0] in seconds * 1.0, minutes * 60.0, hours * 3600.0;
    Mass = [0, 0, 1] in kilograms * 1.0, grams * 1e-3;
    Velocity = [1, -1, 0] in metres_per_second * 1.0, kilometres_per_hour * (1.0 / 3.6);
    /// What keeps a cyclist honest.
    Energy = [2, -2, 1] in joules * 1.0, kilowatt_hours * 3.6e6;
    Area = [2, 0, 0] in square_metres * 1.0;
}

impl<D> Quantity<D> {
    /// The ratio of two quantities of the same kind: `distance.in_units_of(Length::inches(1.0))`.
    pub fn in_units_of(self, unit: Self) -> f64 {
        self.si / unit.si
    }

    pub fn abs(self) -> Self {
        Self { si: self.si.abs(), ..self }
    }
}

macro_rules! same_dimension {
    ($($trait:ident :: $method:ident as $op:tt),*) => {$(
        impl<D> $trait for Quantity<D> {
            type Output = Self;
            fn $method(self, rhs: Self) -> Self { Quantity { si: self.si $op rhs.si, dim: PhantomData } }
        }
    )*};
}
same_dimension!(Add::add as +, Sub::sub as -);

impl<D> Neg for Quantity<D> {
    type Output = Self;
    fn neg(self) -> Self { Quantity { si: -self.si, dim: PhantomData } }
}

impl<D> Mul<f64> for Quantity<D> {
    type Output = Self;
    fn mul(self, rhs: f64) -> Self { Quantity { si: self.si * rhs, dim: PhantomData } }
}

// Stable Rust cannot add const parameters in a type yet, so the products we use are listed.
macro_rules! products {
    ($($a:ident * $b:ident = $c:ident),* $(,)?) => {$(
        impl Mul<$b> for $a {
            type Output = $c;
            fn mul(self, rhs: $b) -> $c { Quantity { si: self.si * rhs.si, dim: PhantomData } }
        }
        impl Div<$b> for $c {
            type Output = $a;
            fn div(self, rhs: $b) -> $a { Quantity { si: self.si / rhs.si, dim: PhantomData } }
        }
    )*};
}
products!(Velocity * Time = Length, Length * Length = Area);

impl<D> std::iter::Sum for Quantity<D> {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Quantity { si: 0.0, dim: PhantomData }, Add::add)
    }
}

pub fn kinetic_energy(mass: Mass, speed: Velocity) -> Energy {
    Energy::joules(0.5 * mass.si * speed.si.powi(2))
}

/// Average speed over legs of a journey; `None` for a journey that took no time.
pub fn average_speed(legs: &[(Length, Time)]) -> Option<Velocity> {
    let way: Length = legs.iter().map(|leg| leg.0).sum();
    let time: Time = legs.iter().map(|leg| leg.1).sum();
    (time.si > 0.0).then(|| way / time)
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn legs_are_weighted_by_time() {
        let legs = [
            (Length::kilometres(30.0), Time::hours(1.0)),
            (Length::kilometres(30.0), Time::minutes(30.0)),
        ];
        let speed = average_speed(&legs).unwrap();
        assert!((speed - Velocity::kilometres_per_hour(40.0)).abs().si < 1e-9);
        assert!(average_speed(&[]).is_none());
    }

    #[test]
    fn a_car_at_city_speed() {
        let e = kinetic_energy(Mass::kilograms(1200.0), Velocity::kilometres_per_hour(50.0));
        assert_eq!(e.in_units_of(Energy::joules(1e3)).round(), 116.0);
    }
}
