"""Writes diffusers-cases.json: short runs of diffusers' schedulers through the less common fields.

pip install diffusers==0.42.1 torch scipy; python make-diffusers-cases.py
"""

import json
import pathlib

import diffusers
import torch

SD = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
CASES = [
    ("PNDMScheduler", 10, dict(SD)),
    ("PNDMScheduler", 4, dict(SD, prediction_type="v_prediction", set_alpha_to_one=True)),
    ("PNDMScheduler", 6, dict(SD, skip_prk_steps=True, timestep_spacing="trailing", set_alpha_to_one=True)),
    ("PNDMScheduler", 1, dict(SD, skip_prk_steps=True, steps_offset=1)),
    ("PNDMScheduler", 7, dict(beta_schedule="squaredcos_cap_v2", skip_prk_steps=True)),
    ("PNDMScheduler", 7, dict(SD, skip_prk_steps=True, timestep_spacing="linspace")),
    ("DDIMScheduler", 6, dict(thresholding=True, sample_max_value=1.5, dynamic_thresholding_ratio=0.8)),
    ("DDIMScheduler", 3, dict(trained_betas=[0.01 * (i + 1) for i in range(20)], num_train_timesteps=20)),
    ("DDPMScheduler", 6, dict(variance_type="fixed_large")),
    ("DDPMScheduler", 6, dict(variance_type="learned_range", clip_sample=False, timestep_spacing="trailing")),
    ("DDPMScheduler", 5, dict(beta_schedule="sigmoid", clip_sample_range=2.0, timestep_spacing="linspace")),
    ("DDPMScheduler", 5, dict(beta_schedule="laplace", prediction_type="sample", clip_sample=False)),
    ("DPMSolverMultistepScheduler", 16, dict(SD, solver_type="heun", timestep_spacing="leading", steps_offset=1)),
    ("DPMSolverMultistepScheduler", 16, dict(SD, solver_order=3, final_sigmas_type="sigma_min")),
    ("DPMSolverMultistepScheduler", 6, dict(SD, use_exponential_sigmas=True, lower_order_final=False)),
    ("DPMSolverMultistepScheduler", 6, dict(SD, use_karras_sigmas=True, final_sigmas_type="sigma_min", euler_at_final=True)),
    ("DPMSolverMultistepScheduler", 16, dict(SD, use_karras_sigmas=True, final_sigmas_type="sigma_min")),
    ("DPMSolverMultistepScheduler", 5, dict(beta_schedule="squaredcos_cap_v2", lambda_min_clipped=-5.1)),
    ("DPMSolverMultistepScheduler", 5, dict(beta_schedule="squaredcos_cap_v2", use_karras_sigmas=True)),
    ("DPMSolverMultistepScheduler", 5, dict(SD, rescale_betas_zero_snr=True, prediction_type="v_prediction", timestep_spacing="trailing")),
    ("DPMSolverMultistepScheduler", 6, dict(SD, prediction_type="sample", thresholding=True, sample_max_value=3.0)),
    ("DPMSolverMultistepScheduler", 6, dict(SD, algorithm_type="sde-dpmsolver++", solver_type="heun")),
    ("DPMSolverMultistepScheduler", 1, dict(SD)),
    ("EulerDiscreteScheduler", 6, dict(SD, use_exponential_sigmas=True, sigma_min=0.1, sigma_max=12.0)),
    ("EulerDiscreteScheduler", 6, dict(SD, final_sigmas_type="sigma_min", prediction_type="sample")),
    ("EulerDiscreteScheduler", 5, dict(SD, rescale_betas_zero_snr=True, prediction_type="v_prediction", timestep_spacing="trailing")),
    ("EulerAncestralDiscreteScheduler", 6, dict(SD, prediction_type="v_prediction")),
]
SHAPE = (2, 1, 1, 3)


def denoise(x, t, variance):
    prediction = 0.35 * x + 0.2 * torch.sin(torch.tensor(0.013 * float(t))) - 0.005 * x * x * torch.sign(x)
    return torch.cat([prediction, torch.sin(3 * x)], dim=1) if variance else prediction


def rounded(values):
    return [float(f"{value:.7g}") for value in torch.as_tensor(values).flatten().tolist()]


def run(name, steps, config, seed):
    scheduler = getattr(diffusers, name)(**config)
    scheduler.set_timesteps(steps)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)  # else it skips a call where the first timestep comes twice
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(SHAPE, generator=generator)
    drawn = []

    def draw(shape, *args, **kwargs):
        drawn.append(torch.randn(shape, generator=generator))
        return drawn[-1]

    module = __import__(type(scheduler).__module__, fromlist=["x"])
    if hasattr(module, "randn_tensor"):
        module.randn_tensor = draw
    sample = noise * scheduler.init_noise_sigma
    trajectory = []
    for t in scheduler.timesteps:
        x = scheduler.scale_model_input(sample, t)
        output = denoise(x, t, config.get("variance_type") == "learned_range")
        sample = scheduler.step(output, t, sample).prev_sample
        trajectory.append(rounded(sample))
    return {
        "scheduler": name,
        "config": {"_class_name": name, **config},
        "steps": steps,
        "timesteps": rounded(scheduler.timesteps.double()),
        "noise": rounded(noise),
        "stepNoise": [rounded(values) for values in drawn],
        "trajectory": trajectory,
    }


cases = [run(name, steps, config, seed) for seed, (name, steps, config) in enumerate(CASES)]
target = pathlib.Path(__file__).with_name("diffusers-cases.json")
target.write_text(json.dumps({"source": f"diffusers {diffusers.__version__}", "images": SHAPE[0], "cases": cases}) + "\n")
