//! Makes a call tree up for the benchmark of the viewer: the same one as folded stacks and as a flame graph in SVG.
//!
//! An example and no subcommand: no user of firetower has a use for it. The tree is the same each time: chains of calls
//! that branch here and there, few of them heavy, as trees of busy programs are.
//!
//! Usage: `viewer_tree DIRECTORY NODES`; writes `tree.folded` and `tree.svg`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use firetower::model::{Frame, FrameKind, Profile, StackId, Weight};
use firetower::render::{Format, render};

const DEEPEST: u32 = 40;
const FUNCTIONS: u64 = 5000;

/// Numbers that look arbitrary and are the same each time (Knuth's MMIX).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().context("usage: viewer_tree DIRECTORY NODES");
    let directory = PathBuf::from(argument()?);
    let nodes: usize = argument()?.parse().context("NODES is a whole number")?;
    let profile = profile(nodes);
    for (name, format) in [("tree.folded", Format::Folded), ("tree.svg", Format::Svg)] {
        let path = directory.join(name);
        std::fs::write(&path, render(format, &profile)?)
            .with_context(|| format!("can't write {}", path.display()))?;
    }
    Ok(())
}

fn profile(nodes: usize) -> Profile {
    let mut profile = Profile::default();
    let mut numbers = Numbers(1);
    // The root is a node too, of every picture.
    let mut made: Vec<(StackId, u32)> = Vec::new();
    while profile.stacks.node_count() + 1 < nodes {
        let function = numbers.below(FUNCTIONS);
        let mut frame = Frame::bare(FrameKind::Python, format!("function_{function}"));
        frame.file = format!("/app/module_{}.py", function % 211).into();
        let place = match numbers.below(4) {
            0 => numbers.below(made.len().max(1) as u64) as usize,
            _ => made.len().saturating_sub(1),
        };
        let parent = made.get(place).filter(|(_, depth)| *depth < DEEPEST).copied();
        let frame = profile.stacks.intern_frame(frame);
        let stack = profile.stacks.push(parent.map(|(stack, _)| stack), frame);
        made.push((stack, parent.map_or(1, |(_, depth)| depth + 1)));
        let samples = 1 + numbers.below(10) * numbers.below(10) * numbers.below(10);
        profile.samples.push((stack, Weight { samples, nanoseconds: samples * 10_000_000 }));
    }
    profile.about.subject = format!("a tree of {nodes} nodes");
    profile
}
