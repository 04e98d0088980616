export declare function keepImportMeta(code: string, file: string, bundleFolder: string): string;
