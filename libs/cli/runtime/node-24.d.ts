export declare function onNode24(script: string): Promise<true>;
