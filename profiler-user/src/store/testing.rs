//! Windows for tests of the store's own modules.

use std::sync::Arc;

use crate::aggregate::{Window, WindowRow, WindowTicks};
use crate::model::{Frame, FrameKind, Labels, Pid, Series, Stacks, Tid, Weight};

/// A window of ten seconds that begins `number` windows after 2026-11-24, with as many rows, each with a stack of its own.
pub fn window(number: u64, rows: u32) -> Window {
    let mut window = Window {
        start: 1_795_478_400_000_000_000 + number * 10_000_000_000,
        length: 10_000_000_000,
        ..Window::default()
    };
    for row in 0..rows {
        let series = Series {
            pid: Pid(100 + row),
            command: "python".into(),
            labels: Arc::new(Labels { service: format!("service-{row}").into(), ..Labels::default() }),
            tid: Tid(100 + row),
            thread: "main".into(),
            python: "3.11.7".into(),
            interpreter: Some(0),
        };
        window.series.push(series);
        let frames = ["main", &format!("work-{row}")].map(|name| Frame {
            file: "/app/main.py".into(),
            line: 1,
            ..Frame::bare(FrameKind::Python, name)
        });
        let stack = stacks(&mut window.stacks, frames);
        let weight = Weight { samples: number + 1, nanoseconds: (number + 1) * 10_000_000 };
        window.rows.push(WindowRow { series: row, stack, weight });
        let offsets = (0..weight.samples as u32).map(|sample| (row * 100 + sample * 37) % 10_000);
        let mut ticks = WindowTicks { series: row, offsets: offsets.collect() };
        ticks.offsets.sort_unstable();
        window.ticks.push(ticks);
    }
    window
}

/// Unix milliseconds of the samples of windows.
pub fn moments(windows: &[Window]) -> Vec<u64> {
    let of = |window: &Window| {
        let start = window.start / 1_000_000;
        let offsets = window.ticks.iter().flat_map(|ticks| &ticks.offsets);
        offsets.map(|offset| start + u64::from(*offset)).collect::<Vec<_>>()
    };
    let mut all: Vec<u64> = windows.iter().flat_map(of).collect();
    all.sort_unstable();
    all
}

fn stacks(stacks: &mut Stacks, frames: [Frame; 2]) -> crate::model::StackId {
    stacks.intern(frames).expect("frames")
}
