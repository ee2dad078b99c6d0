// The text of manual pages besides the tables of options: descriptions and examples.

/// The text of one command's page.
struct ManualText {
    var description: [String] = []
    var examples: [(about: String, lines: [String])] = []

    static let program = [
        """
        swiftrun turns a bundle, a directory with a root file system and a config.json, into a running container. It is \
        the program that docker, podman, containerd and CRI-O call, has the command line of runc, and is one static binary.
        """,
        """
        Wherever a container's id is expected, a path with a slash in it (./web) stands for the container of the bundle at \
        that path, which is named after its directory.
        """,
    ]

    static let exitStatus = [
        """
        0 on success; 1 when a command fails, after exactly one record of level error on stderr or in --log; 3 when there \
        is no such command. run without --detach and exec end with the status of the container's program, or 128 and \
        the number of the signal that ended it; an exec that fails ends with 255.
        """
    ]

    static let files = [
        ("/run/swiftrun", "the records of root's containers, unless --root names another directory"),
        ("$XDG_RUNTIME_DIR/swiftrun", "the same for other users"),
        ("config.json", "in a bundle: what the container is to be, as the OCI runtime specification describes it"),
    ]

    static let programExamples: [(about: String, lines: [String])] = [
        (
            "A first container, from a root file system in web/rootfs:",
            ["swiftrun spec --bundle web", "swiftrun run ./web"]
        ),
        (
            "Errors as JSON in a file, as engines ask for them:",
            ["swiftrun --log /run/web.log --log-format json create --bundle web web"]
        ),
    ]

    static func of(_ command: String) -> ManualText {
        switch command {
        case "create", "run", "exec": processes(command)
        case "start", "kill", "delete": life(command)
        case "update", "mounts": changes(command)
        case "events", "pause", "resume": resources(command)
        case "checkpoint", "restore": checkpoints(command)
        default: others(command)
        }
    }

    private static func processes(_ command: String) -> ManualText {
        switch command {
        case "create":
            ManualText(
                description: [
                    "Makes a container whose program waits until swiftrun-start(8) lets it begin.",
                    """
                    With "terminal": true in config.json somebody has to take the terminal: --console-socket names the \
                    unix socket that it is sent to.
                    """,
                ],
                examples: [
                    ("In two steps, as engines do it:", ["swiftrun create ./web", "swiftrun start ./web"]),
                    ("What would be done, without doing it:", ["swiftrun create --dry-run ./web"]),
                ])
        case "run":
            ManualText(
                description: [
                    """
                    Makes a container, runs its program in the foreground and deletes the container afterwards. The exit \
                    status is the program's. With --detach it returns when the program has begun.
                    """
                ],
                examples: [
                    ("An interactive shell, in the default config:", ["swiftrun run ./web"]),
                    (
                        "Two containers of one bundle:",
                        ["swiftrun run --detach --bundle web web-a", "swiftrun run --detach --bundle web web-b"]
                    ),
                ])
        default:
            ManualText(
                description: [
                    "Runs another program in a running or created container, with what config.json gives its process."
                ],
                examples: [
                    ("A shell on a terminal:", ["swiftrun exec --tty web sh"]),
                    ("As another user, with a variable:", ["swiftrun exec --user 1000:1000 --env LANG=C web id"]),
                ])
        }
    }

    private static func life(_ command: String) -> ManualText {
        switch command {
        case "start":
            ManualText(
                description: ["Lets the program of a created container begin."],
                examples: [("", ["swiftrun start web"])])
        case "kill":
            ManualText(
                description: ["Sends a signal, by name (with or without SIG) or number, to a container's init."],
                examples: [
                    ("To end a container, and delete it:", ["swiftrun kill web KILL", "swiftrun delete web"]),
                    ("To all whose ids match:", ["swiftrun kill --regex '^web-' TERM"]),
                ])
        default:
            ManualText(
                description: [
                    """
                    Deletes a container that is stopped: its cgroup, its state and what was mounted for it. One that was \
                    just killed is waited for, for a second. With --force a running container is killed, and what is \
                    not there is no error.
                    """
                ],
                examples: [("", ["swiftrun delete web", "swiftrun delete --force web"])])
        }
    }

    private static func changes(_ command: String) -> ManualText {
        switch command {
        case "update":
            ManualText(
                description: [
                    """
                    Changes limits of a running container; what is not named stays. Either all of it is changed, or \
                    nothing. The file of --resources holds an object like linux.resources in config.json, in whole or in \
                    part.
                    """,
                    """
                    A memory limit below what is in use makes cgroup v2 kill. With --shrink the kernel is asked to give \
                    memory back instead, for so many seconds (at most 20); then the limit holds, or it is refused with \
                    what is in use, and everything stays as it was. The annotation org.swiftrun.memory.shrink of a \
                    container has the same meaning for engines whose updates do not have the option; 0 switches it off.
                    """,
                ],
                examples: [
                    ("", ["swiftrun update --memory 512m --pids-limit 100 web"]),
                    (
                        "The same from JSON:",
                        resourcesCommand(["{ \"memory\": { \"limit\": 536870912 }, \"pids\": { \"limit\": 100 } }"])
                    ),
                    (
                        "The shape of the whole object, of which every part may be left out:",
                        resourcesCommand(resourcesObject)
                    ),
                ])
        default: mounts
        }
    }

    private static func resourcesCommand(_ object: [String]) -> [String] {
        ["swiftrun update --resources - web <<END"] + object + ["END"]
    }

    // Device rules are left out, for update does not change them, and the limits that no kernel has any more.
    private static let resourcesObject = [
        "{",
        "  \"memory\": { \"limit\": 536870912, \"reservation\": 268435456, \"swap\": 536870912,",
        "              \"swappiness\": 60, \"disableOOMKiller\": false, \"useHierarchy\": true,",
        "              \"checkBeforeUpdate\": true },",
        "  \"cpu\": { \"shares\": 1024, \"quota\": 50000, \"period\": 100000, \"burst\": 0,",
        "           \"realtimeRuntime\": 0, \"realtimePeriod\": 1000000, \"idle\": 0,",
        "           \"cpus\": \"0-1\", \"mems\": \"0\" },",
        "  \"pids\": { \"limit\": 100 },",
        "  \"blockIO\": {",
        "    \"weight\": 500, \"leafWeight\": 500,",
        "    \"weightDevice\": [{ \"major\": 8, \"minor\": 0, \"weight\": 300, \"leafWeight\": 300 }],",
        "    \"throttleReadBpsDevice\": [{ \"major\": 8, \"minor\": 0, \"rate\": 1048576 }],",
        "    \"throttleWriteBpsDevice\": [{ \"major\": 8, \"minor\": 0, \"rate\": 1048576 }],",
        "    \"throttleReadIOPSDevice\": [{ \"major\": 8, \"minor\": 0, \"rate\": 100 }],",
        "    \"throttleWriteIOPSDevice\": [{ \"major\": 8, \"minor\": 0, \"rate\": 100 }]",
        "  },",
        "  \"hugepageLimits\": [{ \"pageSize\": \"2MB\", \"limit\": 0 }],",
        "  \"network\": { \"classID\": 1048577, \"priorities\": [{ \"name\": \"eth0\", \"priority\": 5 }] },",
        "  \"rdma\": { \"mlx5_0\": { \"hcaHandles\": 3, \"hcaObjects\": 10000 } },",
        "  \"unified\": { \"memory.high\": \"402653184\" }",
        "}",
    ]

    private static var mounts: ManualText {
        ManualText(
            description: [
                """
                Mounts into an existing container, created, running or paused, or removes mounts from it. FILE is a \
                list like mounts in config.json; remove reads only the destinations. The operation is atomic.
                """
            ],
            examples: [
                (
                    "",
                    [
                        "echo '[{ \"destination\": \"/data\", \"type\": \"bind\", \"source\": \"/srv/data\",",
                        "        \"options\": [\"rbind\", \"ro\"] }]' | swiftrun mounts add ./web -",
                        "echo '[{ \"destination\": \"/data\" }]' | swiftrun mounts remove ./web -",
                    ]
                )
            ])
    }

    private static func resources(_ command: String) -> ManualText {
        switch command {
        case "events":
            ManualText(
                description: [
                    "Prints a record of JSON a line: statistics at every interval, and when memory runs out."
                ],
                examples: [("Once:", ["swiftrun events --stats web"])])
        case "pause":
            ManualText(
                description: ["Freezes all processes of a container."],
                examples: [("", ["swiftrun pause web", "swiftrun resume web"])])
        default:
            ManualText(
                description: ["Thaws the processes of a paused container."],
                examples: [("", ["swiftrun resume web"])])
        }
    }

    private static func checkpoints(_ command: String) -> ManualText {
        switch command {
        case "checkpoint":
            ManualText(
                description: [
                    """
                    Has criu(8) write the processes of a running container to files, and ends the container, unless it \
                    is to go on.
                    """
                ],
                examples: [
                    ("", ["swiftrun checkpoint --image-path /var/lib/images/web web"]),
                    (
                        "Most of the memory before the program stops, and the rest afterwards:",
                        [
                            "swiftrun checkpoint --pre-dump --image-path /var/lib/images/before web",
                            "swiftrun checkpoint --parent-path ../before --image-path /var/lib/images/web web",
                        ]
                    ),
                ])
        default:
            ManualText(
                description: [
                    """
                    Makes a container of a bundle and has criu(8) restore the processes of a checkpoint in it. What \
                    differs from config.json is an error: whoever can write an image decides what it runs.
                    """
                ],
                examples: [
                    ("", ["swiftrun restore --detach --bundle /srv/web --image-path /var/lib/images/web web"])
                ])
        }
    }

    private static func others(_ command: String) -> ManualText {
        switch command {
        case "list":
            ManualText(examples: [("", ["swiftrun list", "swiftrun list --format json"])])
        case "ps":
            ManualText(
                description: ["Lists the processes of a container; what follows the container is handed to ps(1)."],
                examples: [("", ["swiftrun ps web", "swiftrun ps --format json web", "swiftrun ps web -o pid,args"])])
        case "state":
            ManualText(
                description: [
                    "Prints the state of a container as JSON, as the OCI runtime specification describes it."
                ],
                examples: [("", ["swiftrun state web"])])
        case "spec":
            ManualText(examples: [("", ["swiftrun spec --bundle web", "swiftrun spec --rootless --bundle web"])])
        case "features":
            ManualText(
                description: [
                    "Prints what this runtime can do as JSON, as the OCI runtime specification describes it."
                ],
                examples: [("", ["swiftrun features"])])
        case "info":
            ManualText(
                description: [
                    "Prints what this host can do for a container, a line for each ability: whether it is there (yes, no, or ? where that cannot be read), what was found, and for one that is missing which settings need it. It is there if the caller can use it: another user may get other answers. Nothing is changed."
                ],
                examples: [("", ["swiftrun info", "swiftrun info --format json"])])
        case "inspect":
            ManualText(
                description: [
                    "Prints all that is known of a container as JSON, fit for a bug report: its state, the record that the runtime keeps, its processes, what the kernel says of its init and of its cgroup, and the plan that its config.json makes now. A part that cannot be had is named under problems."
                ],
                examples: [("", ["swiftrun inspect web"])])
        case "completion": completion
        case "manual":
            ManualText(examples: [("To read the page of run:", ["swiftrun manual run | man -l -"])])
        default: ManualText()
        }
    }

    private static var completion: ManualText {
        ManualText(
            description: [
                """
                Prints what makes a shell complete this command line. The shell asks the program itself what may come \
                next; containers are those below the --root that was typed.
                """
            ],
            examples: [
                ("In bash, for this session:", ["source <(swiftrun completion bash)"]),
                (
                    "In zsh, which needs its completion system first:",
                    ["autoload -Uz compinit && compinit", "source <(swiftrun completion zsh)"]
                ),
                ("In fish:", ["swiftrun completion fish | source"]),
            ])
    }
}
