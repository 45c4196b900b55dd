declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** Lower-case name of a site: 1 to 63 characters of a-z, 0-9 and `-`, starting with a letter. Also the certificate's common name. */
export type SiteName = Branded<'SiteName'>;
/** `sha256:` is never written; 64 lower-case hex digits. */
export type Digest = Branded<'Digest'>;
/** Id of a run, made by the coordinator: plan name, a dash and a counter, such as `heart-disease-1`. */
export type RunId = Branded<'RunId'>;
/** Id of one task offered to one site; the same offer repeated carries the same id. */
export type TaskId = Branded<'TaskId'>;
/** Version of a release: plan name, `/` and a counter that grows by one, such as `heart-disease/2`. */
export type ReleaseVersion = Branded<'ReleaseVersion'>;

export const siteNamePattern = /^[a-z][a-z0-9-]{0,62}$/;
export const digestPattern = /^[0-9a-f]{64}$/;

export function isSiteName(value: string): value is SiteName {
  return siteNamePattern.test(value);
}

export function isDigest(value: string): value is Digest {
  return digestPattern.test(value);
}

/** Whether a version is of a model this site made itself: a release's, `+` and a counter, such as `heart-disease/2+1`. No wire carries one. */
export function isLocalVersion(version: ReleaseVersion): boolean {
  return version.includes('+');
}

/** The release a version is of: itself, or the one a local variant was made of. */
export function releaseOfVersion(version: ReleaseVersion): ReleaseVersion {
  return (version.split('+', 1)[0] ?? version) as ReleaseVersion;
}
