import { type Command, InvalidArgumentError } from 'commander';
import { commandGroup } from '../../shared/runtime/command-group.ts';
import { consortiumOption, withOperator } from './operator-directory.ts';

function hours(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0 || value > 720) {
    throw new InvalidArgumentError('a number of hours above 0 and up to 720');
  }
  return value;
}

export function register(program: Command): void {
  commandGroup(program, 'site', "a hospital's side of a consortium")
    .command('invite')
    .argument('<name>', 'name of the site: a-z, 0-9 and -, beginning with a letter')
    .description('(operator) make a one-time token with which one hospital enrols under this name')
    .option('--valid-hours <hours>', 'how long the token may be used', hours, 24)
    .addOption(consortiumOption())
    .option('--json', 'print {site, token, expires} as JSON')
    .action(async (name: string, options: { validHours: number; consortium: string; json?: boolean }) => {
      const { token, expiresMs } = await withOperator(options.consortium, (coordinator) =>
        coordinator.inviteSite(name, { validForMs: options.validHours * 3_600_000 }),
      );
      const expires = new Date(expiresMs).toISOString();
      if (options.json === true) {
        console.log(JSON.stringify({ site: name, token, expires }));
        return;
      }
      // The token alone goes to standard output, so that it can be piped; the explanation is for the person.
      console.log(token);
      console.error(
        `\nHand this token to ${name} over a channel you both trust. It works once, until ${expires}, and lets whoever ` +
          `holds it enrol as ${name}.\nAt the hospital:  wardround site enrol TOKEN --dir ${name}`,
      );
    });
}
