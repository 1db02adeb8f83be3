use dhow_testkit::{runner::{run, Run}, generate::Profile, oracle};
#[test]
fn tally() {
    let t = run(Run{name:"oracle alone", worlds: 3000, questions: 4, profile: Profile::ALL}, |case, tally| {
        for q in &case.questions { tally.count(&oracle::decide(&case.world, q)); }
        Ok(())
    });
    //t.assert_shares(20,5,1);
    for s in 0..3 { eprintln!("{}", dhow_testkit::runner::Case::of_seed(s, Profile::ALL, 1).world); }
}
