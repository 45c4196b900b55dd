import type { Command } from 'commander';

/** The command `name` of the program, made when the first module asks for it: several modules add commands to one group, such as `site`. */
export function commandGroup(program: Command, name: string, description: string): Command {
  return program.commands.find((command) => command.name() === name) ?? program.command(name).description(description);
}
