# bash completion for swiftrun-node
_swiftrun_node() {
    local command='' i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --root) ((i++)) ;;
            -*) ;;
            *) command=${command:-${COMP_WORDS[i]}} ;;
        esac
    done
    case "$3 $command" in
        '--root '*) compopt -o dirnames; return ;;
        *' install' | *' try') mapfile -t COMPREPLY < <(compgen -W 'docker podman containerd cri-o' -- "$2"); return ;;
        *' ') ;;
        *) return ;;
    esac
    case $2 in
        -*) mapfile -t COMPREPLY < <(compgen -W '--restart --root --help' -- "$2") ;;
        # Its help has a line for each command.
        *) mapfile -t COMPREPLY < <(compgen -W "$(command swiftrun-node --help 2>/dev/null | sed -n 's/^  *swiftrun-node \([a-z]*\).*/\1/p')" -- "$2") ;;
    esac
}
complete -F _swiftrun_node swiftrun-node
