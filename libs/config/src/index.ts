export { loadConfig, type LoadConfigOptions } from './load-config.js';
export {
  ConfigStore,
  type ConfigChange,
  type ConfigRef,
  type ConfigStoreParts,
  type SourceLoader,
} from './store/config-store.js';
export { type ConfigSnapshot } from './store/config-snapshot.js';
export { type ConfigLog } from './store/config-log.js';
export { ConfigModule, CLOCK, type ConfigModuleOptions } from './config.module.js';
export { describeService, ServiceInfo, type DescribeServiceOptions } from './service-info.js';
export { InjectConfig } from './inject-config.decorator.js';
export { OnConfigChange } from './on-config-change.decorator.js';
export { configOptions, type ConfigOptions } from './config.options.js';
export {
  ConfigDocumentError,
  ConfigRejectedError,
  ConfigServerError,
  PlaceholderError,
} from './config.errors.js';
export {
  flatten,
  type PropertySource,
  type PropertyValue,
} from './property-source/property-source.js';
export { formatPath, parsePath, type Segment } from './property-source/property-path.js';
export { fileNames, readLocalFiles } from './property-source/local-files.js';
export { readYaml } from './property-source/yaml-source.js';
export { mergeSources, valueAt, type PropertyTree } from './property-source/property-tree.js';
export {
  resolvePlaceholders,
  type Lookup,
  type PlaceholderOptions,
} from './placeholder/resolve-placeholders.js';
