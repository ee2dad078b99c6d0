// The options in front of the command.

enum GlobalOptions {
    static let all: [Option] = [
        .value(
            "root", nil, "DIR",
            "the directory of the containers' records (default /run/swiftrun, or $XDG_RUNTIME_DIR/swiftrun)"),
        .value(
            "log", nil, "FILE", "write messages to a file in place of stderr, or to journald:NAME or syslog:NAME"),
        .value("log-format", nil, "text|json", "the form of messages (default text)"),
        .value("log-level", nil, "error|warning|info|debug", "the least important messages that are written"),
        .flag("debug", nil, "write each step of a start, with its property of config.json, result and time"),
        .flag("systemd-cgroup", nil, "have systemd make cgroups; cgroupsPath is then slice:prefix:name"),
        .value("cgroup-manager", nil, "cgroupfs|systemd|disabled", "who makes cgroups (default cgroupfs)"),
        .value("rootless", nil, "true|false|auto", "whether refused cgroup changes are ignored (default auto)"),
        .hidden("criu", argument: "PATH"),
        help,
        .flag("version", "v", "show the version"),
    ]

    static let help = Option.flag("help", "h", "show help")
    static var shown: [Option] { all.filter { !$0.isHidden } }
}
