# fish completion for swiftrun-node
function __swiftrun_node_commands
    # Its help has a line for each command.
    command swiftrun-node --help 2>/dev/null | string replace -rf '^ +swiftrun-node ([a-z]+)\S*( \[\S*\])* +(.*)' '$1\t$3'
end
function __swiftrun_node_command
    set -l words (commandline -opc)
    set -e words[1]
    while set -q words[1]
        switch $words[1]
            case --root
                set -e words[1]
            case '-*'
            case '*'
                echo $words[1]
                return
        end
        set -e words[1]
    end
end
complete -c swiftrun-node -f
complete -c swiftrun-node -n 'test -z (__swiftrun_node_command)' -a '(__swiftrun_node_commands)'
complete -c swiftrun-node -n 'test -z (__swiftrun_node_command)' -l restart -d 'have systemd restart or reload the engines'
complete -c swiftrun-node -n 'test -z (__swiftrun_node_command)' -l root -x -a '(__fish_complete_directories)' -d 'do it all below a directory'
complete -c swiftrun-node -n 'test -z (__swiftrun_node_command)' -s h -l help -d 'show help'
complete -c swiftrun-node -n 'contains -- (__swiftrun_node_command) install try' -a 'docker podman containerd cri-o'
