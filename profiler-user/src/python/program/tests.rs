//! Command lines as they are typed, and as programs leave them.

use super::*;

/// Executable, arguments separated by `|`, name. `^` is the parent's, `?` is unknown. The folder is `/home/shop`.
const TABLE: &[(&str, &str, &str)] = &[
    // Scripts.
    ("/usr/bin/python3.11", "python|/srv/app/report.py|--fast", "report.py"),
    ("/usr/bin/python3.11", "python3|report.py", "report.py"),
    ("/usr/bin/python3.11", "python|/srv/shop/manage.py|runserver", "shop/manage.py"),
    ("/usr/bin/python3.11", "python|manage.py|migrate", "shop/manage.py"),
    ("/usr/bin/python3.11", "python|./src/../main.py", "shop/main.py"),
    ("/usr/bin/python3.11", "python|src/main.py", "src/main.py"),
    ("/usr/bin/python3.11", "python|/main.py", "main.py"),
    ("/usr/bin/python3.11", "python|/opt/tool/__main__.py", "tool/__main__.py"),
    ("/usr/bin/python3.11", "python|/opt/tool/__main__.pyc", "tool/__main__.pyc"),
    ("/usr/bin/python3.11", "python|/opt/tool.pyz|x", "tool.pyz"),
    ("/usr/bin/python3.11", "python|/opt/tool/", "tool"),
    ("/usr/bin/python3.11", "python|.", "shop"),
    ("/usr/bin/python3.11", "python|/", "?"),
    // A console script has no ending: it is its package's own name.
    ("/usr/bin/python3.11", "/usr/bin/python3|/usr/bin/gunicorn|app:app|-w|4", "gunicorn"),
    ("/srv/venv/bin/python", "/srv/venv/bin/python|/srv/venv/bin/celery|-A|proj|worker", "celery"),
    ("/usr/bin/python3.11", "/usr/bin/python3|-s|/usr/bin/server", "server"),
    // Modules.
    ("/usr/bin/python3.11", "python|-m|celery|-A|proj|worker", "celery"),
    ("/usr/bin/python3.11", "python|-mcelery|worker", "celery"),
    ("/usr/bin/python3.11", "python|-Im|flask|run", "flask"),
    ("/usr/bin/python3.11", "python|-m|shop.worker", "shop.worker"),
    ("/usr/bin/python3.11", "python|-m|shop.__main__", "shop"),
    ("/usr/bin/python3.11", "python|-u|-X|dev|-W|error|-m|http.server|8000", "http.server"),
    ("/usr/bin/python3.11", "python|-m", "?"),
    // Options before the script.
    ("/usr/bin/python3.11", "python|-u|-O|app/report.py", "report.py"),
    ("/usr/bin/python3.11", "python|-W|ignore|report.py", "report.py"),
    ("/usr/bin/python3.11", "python|-Wignore|report.py", "report.py"),
    ("/usr/bin/python3.11", "python|-uW|ignore|report.py", "report.py"),
    ("/usr/bin/python3.11", "python|-X|importtime|-Xdev|report.py", "report.py"),
    ("/usr/bin/python2.7", "python2|-Q|new|report.py", "report.py"),
    ("/usr/bin/python3.11", "python|--check-hash-based-pycs|never|report.py", "report.py"),
    ("/usr/bin/python3.11", "python|-E|--|report.py", "report.py"),
    ("/usr/bin/python3.11", "python|report.py|-m|celery", "report.py"),
    // Code from the command line, from standard input, typed.
    ("/usr/bin/python3.11", "python|-c|import time; time.sleep(9)|x.py", "-c"),
    ("/usr/bin/python3.11", "python|-cprint(1)", "-c"),
    ("/usr/bin/python3.11", "python|-Ic|print(1)", "-c"),
    ("/usr/bin/python3.11", "python|-c", "-c"),
    ("/usr/bin/python3.11", "python|-|x", "-"),
    ("/usr/bin/python3.11", "python", "-"),
    ("/usr/bin/python3.11", "python|-i", "-"),
    ("/usr/bin/python3.11", "python|-i|report.py", "report.py"),
    ("/usr/bin/python3.11", "python|--", "-"),
    // What multiprocessing starts.
    (
        "/usr/bin/python3.11",
        "/usr/bin/python3|-c|from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=5, pipe_handle=7)|--multiprocessing-fork",
        "^",
    ),
    (
        "/usr/bin/python3.11",
        "/usr/bin/python3|-B|-c|from multiprocessing.resource_tracker import main;main(3)",
        "^",
    ),
    (
        "/usr/bin/python3.14",
        "/usr/bin/python3|-c|from multiprocessing.forkserver import main; main(11, 12, ['__main__'])",
        "^",
    ),
    // Interpreters by other names.
    ("/opt/python/bin/python3.13t", "python3.13t|-m|celery", "celery"),
    ("/usr/bin/python3.11-dbg", "python3-dbg|report.py", "report.py"),
    ("/usr/bin/pypy3.10", "pypy3|report.py", "report.py"),
    ("/nix/store/x/bin/.python3.11-wrapped", "python3|report.py", "report.py"),
    ("/usr/bin/python3.11 (deleted)", "python3|report.py", "report.py"),
    ("", "/usr/bin/python3|report.py", "report.py"),
    ("/usr/bin/python3.11", "shop-worker|report.py", "report.py"),
    // Titles: of one argument, with what is left of the others.
    ("/usr/bin/python3.11", "gunicorn: worker [app]", "gunicorn"),
    ("/usr/bin/python3.11", "gunicorn: master [app]||||", "gunicorn"),
    ("/usr/bin/python3.11", "[celeryd: celery@host:MainProcess] -active- (worker -A proj)", "celeryd"),
    ("/usr/bin/python3.11", "celery: worker", "celery"),
    ("/usr/bin/python3.11", "ray::IDLE", "ray"),
    ("/usr/bin/python3.11", "airflow scheduler -- DagFileProcessorManager", "airflow"),
    ("/usr/bin/python3.11", "/srv/bin/shop worker 3", "shop"),
    ("/usr/bin/python3.11", "[ready]", "ready"),
    ("/usr/bin/python3.11", "python manage.py runserver", "shop/manage.py"),
    ("/usr/bin/python3.11", "/usr/bin/python3 -m celery worker", "celery"),
    ("/usr/bin/python3.11", ": :", "?"),
    // Python within another program.
    ("/usr/bin/uwsgi", "uwsgi|--module|shop.wsgi|--workers|4", "uwsgi"),
    ("/usr/bin/uwsgi", "uWSGI worker 1", "uwsgi"),
    ("/usr/lib/postgresql/15/bin/postgres", "postgres: app db [local] SELECT", "postgres"),
    ("/opt/shop/shop", "/opt/shop/shop|serve", "shop"),
    ("/usr/bin/python-argcomplete", "python-argcomplete", "python-argcomplete"),
    // Nothing to tell by.
    ("", "", "?"),
    ("/usr/bin/python3.11", "", "?"),
    ("/usr/bin/nginx", "", "nginx"),
];

#[test]
fn each_command_line_by_what_it_runs() {
    for (executable, arguments, expected) in TABLE {
        let arguments: Vec<String> = match *arguments {
            "" => Vec::new(),
            some => some.split('|').map(str::to_owned).collect(),
        };
        let found = program(&Start { arguments: &arguments, executable, folder: "/home/shop" });
        let expected = match *expected {
            "^" => Program::OfParent,
            "?" => Program::Unknown,
            name => Program::Named(name.to_owned()),
        };
        assert_eq!(found, expected, "{executable} {arguments:?}");
    }
}

#[test]
fn a_relative_path_with_no_known_folder_is_as_it_is() {
    let named = |path: &str| {
        let arguments = ["python".to_owned(), path.to_owned()];
        program(&Start { arguments: &arguments, executable: "/usr/bin/python3", folder: "" })
    };
    assert_eq!(named("manage.py"), Program::Named("manage.py".to_owned()));
    assert_eq!(named("shop/manage.py"), Program::Named("shop/manage.py".to_owned()));
    assert_eq!([named("."), named("../..")], [Program::Unknown, Program::Unknown]);
}

proptest::proptest! {
    #[test]
    fn any_words_have_an_answer_and_never_python(
        arguments in proptest::collection::vec(r"(-[a-zA-Z]{0,3}|--|python3?|[ -~é]{0,12})", 0..6),
        folder in "(/|/a/b|)",
    ) {
        if let Program::Named(name) = program(&Start { arguments: &arguments, executable: "/usr/bin/python3", folder: &folder }) {
            proptest::prop_assert!(!name.is_empty());
        }
    }
}
