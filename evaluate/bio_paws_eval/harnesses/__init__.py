"""The configs of bioPAWS as tasks of lm-evaluation-harness, lighteval and MTEB, all derived from `bio_paws.configs`."""
