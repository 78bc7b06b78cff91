//! x
use firetower::capture::*;
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut c, mut d) = Capture::load(Options { frequency: 99, only_targets: false, kernel_stacks: true })?;
    println!("{:?}", c.clock());
    c.enable()?;
    std::thread::sleep(std::time::Duration::from_secs(1));
    c.disable()?;
    while let Some(e) = d.next() { println!("{e:?}"); }
    println!("{:?} {:?}", c.counters()?, c.run_times()?);
    Ok(())
}
