//! Colours, help and completions.

use super::program::{Server, finish, run};

#[test]
fn escapes_are_for_terminals_alone_and_never_with_no_color() {
    let server = Server::with_shop();
    for words in [
        &["check", "document:readme#view@user:ada", "--explain"][..],
        &["check", "document:readme#veiw@user:ada"],
        &["expand", "document:readme#view"],
        &["read"],
        &["store", "list"],
        &["list-subjects", "document:readme#view", "user"],
    ] {
        let plain = server.run(words);
        assert!(!plain.stdout.contains('\x1b') && !plain.stderr.contains('\x1b'), "{plain:?}");
        let mut forced = server.command(words);
        let forced = finish(forced.env("CLICOLOR_FORCE", "1"), "");
        assert!(forced.stdout.contains('\x1b') || forced.stderr.contains('\x1b'), "{forced:?}");
        let mut refused = server.command(words);
        let refused = finish(refused.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1"), "");
        assert!(!refused.stdout.contains('\x1b') && !refused.stderr.contains('\x1b'), "{refused:?}");
        let mut json = server.command(words);
        let json = finish(json.args(["--output", "json"]).env("CLICOLOR_FORCE", "1"), "");
        assert!(!json.stdout.contains('\x1b') && !json.stderr.contains('\x1b'), "{json:?}");
    }
}

#[test]
fn every_shell_gets_completions() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&["completions", shell]).code(0).stdout;
        assert!(script.contains("list-permissions") && script.contains("explain"), "{shell}");
    }
}

#[test]
fn help_fits_on_a_narrow_terminal() {
    for command in ["check", "expand", "list-objects", "write", "read", "import", "export", "watch", "delete", "demo"] {
        let help = run(&[command, "--help"]).code(0).stdout;
        let text: Vec<&str> = help.lines().filter(|line| !line.starts_with("  ")).collect();
        assert!(text.iter().all(|line| line.chars().count() <= 100), "{help}");
        // A line that was broken by hand and again by the program leaves a short rest in the midst of a sentence.
        for pair in text.windows(2) {
            let [line, next] = pair else { continue };
            let in_a_sentence = !line.is_empty() && next.starts_with(char::is_lowercase);
            assert!(!in_a_sentence || line.chars().count() > 60, "{command}: `{line}`");
        }
    }
}
