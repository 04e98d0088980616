import { z } from 'zod';

const lowerHex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const lowerCase = z.string().refine((text) => text === text.toLowerCase(), 'not in lower case');
/** After 2015 and before 2100 when read as microseconds; milliseconds or nanoseconds fall out. */
const epochMicros = z.number().int().min(1.42e15).max(4.1e15);

const endpoint = z.strictObject({
  serviceName: lowerCase.min(1).optional(),
  ipv4: z.ipv4().optional(),
  ipv6: z.ipv6().optional(),
  port: z.number().int().min(1).max(65_535).optional(),
});

const span = z.strictObject({
  traceId: z.union([lowerHex(16), lowerHex(32)]).refine((id) => !/^0+$/.test(id)),
  id: lowerHex(16).refine((id) => !/^0+$/.test(id)),
  parentId: lowerHex(16).optional(),
  name: lowerCase.min(1).optional(),
  kind: z.enum(['CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER']).optional(),
  timestamp: epochMicros,
  duration: z.number().int().min(1),
  debug: z.boolean().optional(),
  shared: z.boolean().optional(),
  localEndpoint: endpoint.required({ serviceName: true }),
  remoteEndpoint: endpoint.optional(),
  annotations: z
    .array(z.strictObject({ timestamp: epochMicros, value: z.string().min(1) }))
    .optional(),
  tags: z.record(z.string().min(1), z.string()).optional(),
});

/** The body of `POST /api/v2/spans`, as strict as zipkin2-api.yaml's types and its prose are. */
export const zipkinSpans = z.array(span);
