//! What must hold for every input, tried on generated and on mutated ones.

#[cfg(test)]
mod pages;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod smoke;
#[cfg(test)]
mod splicing;
#[cfg(test)]
mod streams;
