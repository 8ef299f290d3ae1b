import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { describe, expect, test } from 'vitest';

const folder = path.join(import.meta.dirname, '../../../deploy/databricks');
const textOf = (name: string): string => readFileSync(path.join(folder, name), 'utf8');

interface Task {
  readonly task_key: string;
  readonly job_cluster_key: string;
  readonly depends_on?: readonly { readonly task_key: string }[];
  readonly notebook_task: { readonly notebook_path: string };
  readonly timeout_seconds: number;
}

interface Job {
  readonly max_concurrent_runs: number;
  readonly schedule: { readonly quartz_cron_expression: string; readonly timezone_id: string };
  readonly parameters: readonly { readonly name: string }[];
  readonly job_clusters: readonly { readonly job_cluster_key: string; readonly new_cluster: object }[];
  readonly tasks: readonly Task[];
}

const bundle = parse(textOf('databricks.yml'));
const resourceFiles = readdirSync(path.join(folder, 'resources'));
const jobs: Record<string, Job> = Object.assign(
  {},
  ...resourceFiles.map((file) => parse(textOf(`resources/${file}`)).resources.jobs ?? {}),
);

describe('the bundle', () => {
  test('is one, with a target to develop in, which is the default, and one to run in', () => {
    expect(Object.keys(bundle.targets)).toEqual(['dev', 'prod']);
    expect(bundle.targets.dev).toMatchObject({ mode: 'development', default: true });
    expect(bundle.targets.prod).toMatchObject({ mode: 'production' });
    expect(bundle.targets.prod.run_as).toEqual({ service_principal_name: '${var.service_principal}' });
  });

  test('holds no host, no address of a person and no secret', () => {
    const all = ['databricks.yml', ...resourceFiles.map((file) => `resources/${file}`)].map(textOf).join('\n');
    const addresses = all.match(/\S+@\S+\.\w+/g) ?? [];
    expect(addresses.filter((found) => !found.includes('abfss://CONTAINER@ACCOUNT.dfs'))).toEqual([]);
    expect(all).not.toMatch(/azuredatabricks\.net|SharedAccessKey=/);
    expect(all).not.toMatch(/\bhost:/);
  });

  test('runs bronze every half hour, and the rest once a day', () => {
    const schedules = Object.entries(jobs).map(([name, { schedule }]) => [name, schedule.quartz_cron_expression]);
    expect(Object.fromEntries(schedules)).toEqual({
      bronze: '0 */30 * * * ?',
      dimensions: '0 0 3 * * ?',
      refine: '0 0 4 * * ?',
    });
  });

  test('runs every notebook there is, once', () => {
    const notebooks = readdirSync(path.join(folder, 'notebooks')).filter((name) => name.endsWith('.py'));
    const run = Object.values(jobs).flatMap(({ tasks }) => tasks.map((task) => task.notebook_task.notebook_path));
    expect(run.toSorted()).toEqual(notebooks.map((name) => `../notebooks/${name}`).toSorted());
    for (const name of notebooks) expect(textOf(`notebooks/${name}`)).toMatch(/^# Databricks notebook source\n/);
  });
});

describe.each(Object.entries(jobs))('job %s', (_, job) => {
  test('never runs twice at once, in the business time zone, within a limit of time', () => {
    expect(job.max_concurrent_runs).toBe(1);
    expect(job.schedule.timezone_id).toBe('${var.time_zone}');
    for (const task of job.tasks) expect(task.timeout_seconds).toBeGreaterThan(0);
  });

  test('names clusters and tasks that it has, and settings that a job cluster knows', () => {
    const clusters = job.job_clusters.map(({ job_cluster_key }) => job_cluster_key);
    const tasks = job.tasks.map(({ task_key }) => task_key);
    for (const task of job.tasks) {
      expect(clusters).toContain(task.job_cluster_key);
      for (const before of task.depends_on ?? []) expect(tasks).toContain(before.task_key);
    }
    for (const { new_cluster } of job.job_clusters) expect(new_cluster).not.toHaveProperty('autotermination_minutes');
  });

  test('has every parameter that its notebooks ask for without a default', () => {
    expect(job.parameters.map(({ name }) => name)).toEqual(expect.arrayContaining(['lake', 'catalog', 'time_zone']));
  });
});

test('the checksums list as many jars as the build file names, and no other version', () => {
  const pom = textOf('local/pom.xml');
  const named = [...pom.matchAll(/<artifactId>(.+)<\/artifactId>\s*<version>(.+)<\/version>\s*<exclusions>/g)];
  const listed = textOf('local/jars.sha256')
    .trim()
    .split('\n')
    .map((line) => line.split('  ')[1]);
  expect(listed.toSorted()).toEqual(named.map(([, artifact, version]) => `${artifact}-${version}.jar`).toSorted());
  expect(existsSync(path.join(folder, 'DIFFERENCES.md'))).toBe(true);
});
