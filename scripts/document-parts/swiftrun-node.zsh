#compdef swiftrun-node
# zsh completion for swiftrun-node
_swiftrun_node() {
    local curcontext=$curcontext state line
    local -a commands
    _arguments -C '--restart[have systemd restart or reload the engines]' '--root[do it all below a directory]:directory:_files -/' \
        '(- *)'{-h,--help}'[show help]' '1:command:->command' '*:argument:->argument' && return
    case $state in
        command)
            # Its help has a line for each command.
            commands=(${(f)"$(command swiftrun-node --help 2>/dev/null | sed -n 's/^  *swiftrun-node \([a-z]*\)[^ ]* *\(\[[^]]*]\)* */\1:/p')"})
            _describe command commands ;;
        argument)
            case $line[1] in
                install | try) compadd docker podman containerd cri-o ;;
            esac ;;
    esac
}
case $funcstack[1] in
    _swiftrun_node | _swiftrun-node) _swiftrun_node "$@" ;;
    *)
        if (( $+functions[compdef] )); then
            compdef _swiftrun_node swiftrun-node
        else
            print -u2 'swiftrun-node: completion in zsh needs compinit first: autoload -Uz compinit && compinit'
        fi ;;
esac
